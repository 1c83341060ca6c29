misuse-unknown-argument = Không có đối số "{ $argument }".
misuse-unknown-verb = Không có lệnh "{ $verb }".
misuse-missing-argument = Thiếu đối số: { $argument }.
misuse-missing-verb = Thiếu lệnh.
misuse-invalid-value = "{ $value }" không phải là giá trị hợp lệ của { $argument }. Có thể dùng: { $choices }.
misuse-bad-value = "{ $value }" không phải là giá trị hợp lệ của { $argument }.
misuse-conflict = Không thể dùng { $argument } cùng với { $other }.
misuse-other = Các đối số không hợp với nhau.
misuse-remedy = Xem "trien --help" hoặc "trien LỆNH --help".
daemon-bad-prompter = "{ $value }" không phải là cách hỏi người dùng.
daemon-bad-prompter-remedy = Hãy dùng "window", hoặc "scripted:" kèm đường dẫn tuyệt đối.

cli-no-runtime = Chương trình không khởi động được các luồng xử lý: { $reason }.
cli-no-runtime-remedy = Hãy đóng bớt chương trình khác, hoặc nâng giới hạn số tiến trình, rồi thử lại.
cli-no-places = Người dùng này không có thư mục cá nhân hoặc thư mục phiên làm việc (XDG_RUNTIME_DIR).
cli-no-places-remedy = Hãy đăng nhập bình thường, hoặc đặt TRIEN_HOME là một thư mục của riêng bạn.
cli-unreadable = Không đọc được "{ $file }": { $reason }.
cli-unreadable-remedy = Hãy kiểm tra tên tệp và quyền đọc.
cli-unwritable = Không ghi được "{ $file }": { $reason }.
cli-unwritable-remedy = Hãy chọn nơi khác hoặc giải phóng ổ đĩa. Không có tệp nào bị ghi dở dang.
cli-too-large = "{ $file }" lớn hơn { $limit } byte.
cli-too-large-remedy = Hãy tách ra, hoặc ký tệp nhỏ hơn.

sign-done = Đã ký: { $file }
sign-failed = Chưa ký: { $file }: { $reason }
sign-out-not-a-folder = Có nhiều tệp cần ký mà "{ $file }" không phải là thư mục.
sign-out-not-a-folder-remedy = Hãy nêu một thư mục có sẵn với --out.
sign-same-name = Hai kết quả sẽ cùng ghi vào "{ $file }".
sign-same-name-remedy = Hãy ký từng tệp một, hoặc đổi tên một trong hai.
sign-over-input = "{ $file }" cũng là tệp cần ký; bản gốc sẽ bị ghi đè.
sign-over-input-remedy = Hãy nêu tệp khác với --out.
sign-detached-pdf = Chữ ký PAdES nằm trong tệp PDF, không thể tách rời.
sign-detached-pdf-remedy = Hãy bỏ --detached, hoặc chọn --format cades.
sign-not-detached = Định dạng này không có dạng tách rời.
sign-not-detached-remedy = Hãy bỏ --detached, hoặc chọn --format cades hay xades.
sign-not-enveloping = Chỉ XAdES mới bao được nội dung.
sign-not-enveloping-remedy = Hãy bỏ --enveloping, hoặc chọn --format xades.
sign-template-format = Mẫu chỉ dùng cho chữ ký XML.
sign-template-format-remedy = Hãy bỏ --template, hoặc chọn --format xmldsig.
sign-bad-rectangle = "{ $value }" không phải là một hình chữ nhật.
sign-bad-rectangle-remedy = Hãy nêu bốn số với x1 < x2 và y1 < y2, ví dụ 320,60,560,140.
sign-bad-value = "{ $value }" không phải là một giá trị.
sign-bad-value-remedy = Hãy viết tên=nội dung, ví dụ --value "number=15/QĐ-UBND".
sign-empty-selector = --cert không nêu chứng thư nào.
sign-empty-selector-remedy = Hãy nêu nhãn, số sê-ri, SHA-256 hoặc một phần tên chủ thể, hoặc bỏ --cert; xem "trien cert list".

verify-nothing-to-trust = Không tìm thấy chứng thư tin cậy nào trong "{ $file }": không thể kết luận hợp lệ. Hãy đặt chứng thư gốc của các CA vào đó, dạng PEM hoặc DER.
verify-over-input = "{ $file }" cũng là tệp cần kiểm tra; bản gốc sẽ bị ghi đè.
verify-over-input-remedy = Hãy nêu tệp khác với --html.
verify-bad-trust = Bỏ qua: { $reason }
verify-bad-time = "{ $value }" không phải là thời điểm.
verify-bad-time-remedy = Hãy viết như 2026-11-21T09:00:00+07:00.

origin-bad = "{ $origin }" không phải là địa chỉ trang web (origin) có thể cấp quyền.
origin-bad-remedy = Hãy viết như https://dichvucong.gov.vn: https, tên máy chủ, cổng nếu khác 443, và không gì phía sau.
origin-unknown = "{ $origin }" chưa có quyền nào.
origin-unknown-remedy = Xem "trien origin list".
origin-bad-time = "{ $value }" không phải là thời điểm trong tương lai.
origin-bad-time-remedy = Hãy viết như 2027-01-01T00:00:00+07:00.
origin-file-failed = Không đọc hoặc ghi được các quyền trong "{ $file }": { $reason }.
origin-file-failed-remedy = Hãy xem tệp có phải của bạn, chỉ mình bạn được ghi, và thư mục của nó có tồn tại không.
origin-file-rights = Người khác cũng ghi được tệp quyền "{ $file }", hoặc tệp không phải của bạn.
origin-file-rights-remedy = Hãy đặt chủ sở hữu là bạn và quyền 0600, rồi thử lại.
origin-file-content = Tệp quyền "{ $file }" có nội dung không hợp lệ ở dòng { $line }: { $reason }.
origin-file-content-remedy = Hãy sửa dòng đó, hoặc chuyển tệp đi nơi khác rồi cấp quyền lại.
origin-developer-only = Lưu ý: dịch vụ chỉ nhận trang http của chính máy này khi cấu hình có "developer = true".
origin-none = Chưa trang nào có quyền.
origin-allowed = { $origin } từ nay được: { $scopes }.
origin-revoked = { $origin } không còn quyền nào.
origin-forever = không thời hạn
origin-nothing = không được gì; bạn không muốn trang này hỏi
origin-administrator-fixed = do quản trị viên quy định
origin-administrator-pregranted = quản trị viên đã cho phép; bạn có thể thu lại
origin-administrator-forbidden = bị quản trị viên cấm
origin-administrator-limits = Lưu ý: chính sách của quản trị viên cho phép ít hơn những gì bạn đã ghi.
origin-administrator-fixed-it = Quản trị viên đã quy định { $origin } được làm gì; chỉ quản trị viên mới thay đổi được.
scope-certificates = xem một chứng thư
scope-sign-in = đề nghị bạn đăng nhập
scope-sign = xin ký tài liệu
scope-batch = xin ký nhiều tài liệu một lần
scope-verify = kiểm tra chữ ký
scope-blind-digest = xin ký giá trị băm

audit-empty = Sổ ghi nhận việc ký còn trống.
audit-intact = Sổ ghi nhận việc ký nguyên vẹn: { $count } mục.
audit-broken = Sổ ghi nhận việc ký đã bị sửa: mục { $sequence } không nối tiếp mục trước nó.
audit-broken-remedy = Hãy giữ nguyên tệp và báo cho người quản trị máy tính này.
audit-unreadable = Không đọc được sổ ghi nhận việc ký "{ $file }": { $reason }.
audit-unreadable-remedy = Hãy kiểm tra tệp có phải của bạn không.
audit-torn = Dòng cuối chưa được ghi hết; mục kế tiếp sẽ ghi nhận điều đó.
audit-receipt-true = Biên nhận đúng: mục { $sequence } của sổ này ghi nhận chính { $count } chữ ký đó.
audit-receipt-false = Biên nhận không khớp với sổ này: mục { $sequence } không có, hoặc ghi nội dung khác.
audit-no-receipt = "{ $file }" không phải là biên nhận.
audit-no-receipt-remedy = Hãy đưa đối tượng "receipt" trong câu trả lời cho trang web, ở dạng JSON.
audit-daemon-started = dịch vụ đã sẵn sàng; người dùng được hỏi qua: { $more }
audit-asked = đang hỏi người dùng
audit-approved = người dùng đồng ý
audit-refused = người dùng từ chối
audit-shared = đã cho trang web xem một chứng thư
audit-granted = người dùng đã cho phép trang: { $more }
audit-signed = đã ký ({ $more })
audit-failed = không thành công: { $more }
audit-withdrawn = trang web đã đóng hoặc hủy yêu cầu
audit-repaired = đã cắt { $more } byte của một dòng ghi dở

sign-queued = { $file } đang ở mức B cho đến khi liên lạc được tổ chức cấp dấu thời gian; khi đó sẽ tự nâng mức, hoặc dùng "trien augment --queued".
queue-failed = Không thể để tệp chờ dấu thời gian: { $reason }.
queue-failed-remedy = Hãy nâng mức bằng "trien augment" khi có mạng.

augment-done = Đã nâng mức: { $file }
augment-queued = Đã nâng mức: { $raised }; còn chờ: { $waiting }; bỏ: { $given_up }
augment-no-authority = Không có tổ chức cấp dấu thời gian nào để hỏi.
augment-no-authority-remedy = Hãy chỉ ra bằng --tsa, hoặc trong cấu hình ở mục [[timestamp_authorities]].
augment-network = Không lấy được dấu thời gian: { $reason }.
augment-network-remedy = Hãy kiểm tra mạng rồi thử lại. Tệp đã ký vẫn còn, ở mức B.
augment-untrusted = Máy này không tin dữ liệu chứng minh chữ ký: { $reason }.
augment-untrusted-remedy = Hãy thêm chứng thư gốc của tổ chức ấy bằng "trien trust add TỆP", sau khi so dấu vân tay với bản công bố.
augment-status-unknown = Không đạt được mức: { $reason }.
augment-status-unknown-remedy = Hãy kết nối mạng, hoặc nạp danh sách của tổ chức: trien trust import-crl TỆP.
augment-revoked = Không đạt được mức: { $reason }.
augment-revoked-remedy = Không thể nâng mức chữ ký của chứng thư đã bị thu hồi.
augment-format = Không đạt được mức: { $reason }.
augment-format-remedy = Hãy xem tệp đã được ký chưa, và chữ ký tách rời có cần --content không.
augment-not-validated = Không ghi kết quả: khi kiểm tra lại, chương trình không thấy đạt mức ({ $reason }).
augment-not-validated-remedy = Không có gì bị thay đổi. Hãy kiểm tra tệp bằng "trien verify"; nếu tệp hợp lệ ở đó, xin báo cho chúng tôi.

trust-anchors = Chứng thư gốc:
trust-intermediates = Chứng thư trung gian:
trust-crls = Danh sách thu hồi:
trust-line = { $name }, hiệu lực đến { $to }, SHA-256 { $sha256 }
trust-line-invalid = { $name }, HIỆN KHÔNG CÓ HIỆU LỰC (đến { $to }), SHA-256 { $sha256 }
trust-published = dấu vân tay trùng với bản công bố của: { $name }
trust-crl = { $issuer }: tính đến { $from }, hạn { $to }
trust-crl-stale = { $issuer }: tính đến { $from }, ĐÃ QUÁ HẠN từ { $to }
trust-added = Từ nay tin:
trust-removed = Thôi tin: { $name }
trust-not-published = Chú ý: "{ $name }" tự xưng là tổ chức của Việt Nam nhưng dấu vân tay không trùng bản công bố nào. Hãy so với bản do chính tổ chức công bố trước khi tin.
trust-unknown = Không có, hoặc có nhiều chứng thư bắt đầu bằng "{ $value }".
trust-unknown-remedy = Xem "trien trust list"; hãy cho ít nhất 8 chữ số.
trust-elsewhere = Chứng thư nằm trong tệp khác của thư mục tin cậy: { $file }: { $reason }.
trust-elsewhere-remedy = Hãy tự lấy nó ra khỏi tệp ấy.
trust-crl-by-nobody = "{ $file }" là của "{ $issuer }", máy này không biết: không nạp.
trust-crl-by-nobody-remedy = Hãy thêm chứng thư của tổ chức ấy trước: trien trust add TỆP.
trust-crl-not-newer = "{ $file }" không mới hơn danh sách đang có.
trust-no-crl = "{ $file }" không phải danh sách thu hồi.
trust-no-crl-remedy = Hãy cho CRL dạng DER hoặc PEM, không quá 10 MiB.
trust-evidence = { $time }: { $signer }, số tài liệu: { $documents }
trust-evidence-erased = Đã xoá: { $count }

daemon-bad-script = Không hiểu được kịch bản mô phỏng { $file }: { $reason }
daemon-bad-script-remedy = Hãy xem phần nói về trình mô phỏng trong README để biết kịch bản gồm những gì.
daemon-no-simulator = Chưa cài đặt thư viện mô phỏng (libtrien_simulator.so).
daemon-no-simulator-remedy = Hãy cài đặt lại Triện: thư viện này nằm cạnh libtrien_pkcs11.so.
cli-unwritable-folder = Không tạo được thư mục cho tệp tạm: { $reason }
cli-unwritable-folder-remedy = Hãy kiểm tra dung lượng đĩa, và xem TMPDIR trỏ đến đâu.

doctor-config = Không dùng được cấu hình: { $reason }
doctor-config-remedy = Hãy sửa tệp cấu hình; dịch vụ không khởi động được với tệp này.
doctor-config-notice = Đã bỏ qua trong cấu hình: { $notice }
doctor-config-notice-remedy = Hãy sửa cấu hình, hoặc cài đặt những gì cấu hình nêu tên.
doctor-pcscd = Dịch vụ thẻ thông minh (pcscd) đang hoạt động.
doctor-pcscd-absent = Dịch vụ thẻ thông minh (pcscd) không hoạt động.
doctor-pcscd-not-allowed = Dịch vụ thẻ thông minh (pcscd) không cho phép bạn sử dụng.
doctor-pcscd-failed = Dịch vụ thẻ thông minh (pcscd) bị lỗi: { $reason }
doctor-pcscd-failed-remedy = Hãy khởi động lại dịch vụ (systemctl restart pcscd), hoặc cập nhật gói pcscd.
doctor-reader = Đầu đọc USB: { $reader }
doctor-reader-no-driver = Đầu đọc USB chưa có trình điều khiển: { $reader }
doctor-reader-no-driver-remedy = Hãy cài đặt trình điều khiển đầu đọc (gói libccid), rồi cắm lại đầu đọc.
doctor-module = Trình điều khiển { $module }{ $maker }: { $library }
doctor-module-library = Trình điều khiển { $module }{ $maker } không được nạp: { $library }. { $reason }
doctor-module-failed = Trình điều khiển { $module }{ $maker } bị lỗi: { $library }. { $reason }
doctor-card-failed = Hiện không dùng được một thẻ thông minh. { $reason }
doctor-sandbox = Trình điều khiển { $module } đã được cách ly: không truy cập thư mục cá nhân, không dùng mạng.
doctor-sandbox-open =
    Trình điều khiển { $module } chưa được cách ly hoàn toàn: tệp { $files ->
        [closed] đã chặn
        [partly] chặn một phần
       *[open] chưa chặn
    }, mạng { $network ->
        [closed] đã chặn
        [partly] chặn một phần
       *[open] chưa chặn
    }.
doctor-sandbox-open-remedy = Nhân hệ điều hành mới hơn có Landlock và seccomp sẽ cách ly được; nếu dòng cấu hình của trình điều khiển cần mạng thì như vậy là đúng.
doctor-no-token = Không thấy thiết bị nào.
doctor-token = Thiết bị { $token } đã sẵn sàng.
doctor-pin-locked = Thiết bị { $token }: mã PIN đã bị khóa.
doctor-pin-to-be-changed = Thiết bị { $token }: phải đổi mã PIN trước.
doctor-pin-not-set = Thiết bị { $token } chưa được đặt mã PIN.
doctor-pin-last-try = Thiết bị { $token }: nhập sai một lần nữa là bị khóa.
doctor-pin-last-try-remedy = Hãy nhập mã PIN thật cẩn thận, hoặc nhờ nhà cung cấp đặt lại trước khi thử.
doctor-certificate = Chứng thư số của { $name } trên { $token }: có hiệu lực đến { $time }.
doctor-certificate-soon = Chứng thư số của { $name } trên { $token }: sắp hết hạn, lúc { $time }.
doctor-certificate-soon-remedy = Hãy gia hạn với nhà cung cấp.
doctor-certificate-expired = Chứng thư số của { $name } trên { $token }: đã hết hạn lúc { $time }.
doctor-certificate-expired-remedy = Hãy gia hạn với nhà cung cấp; nếu ngày này có vẻ lạ, hãy kiểm tra đồng hồ của máy.
doctor-certificate-not-yet = Chứng thư số của { $name } trên { $token }: chỉ có hiệu lực từ { $time }.
doctor-certificate-not-yet-remedy = Hãy kiểm tra đồng hồ của máy.
doctor-certificate-roca-key = Chứng thư số của { $name } trên { $token }: khóa do một loại chip lỗi tạo ra (ROCA, CVE-2017-15361), người khác có thể tính ra được.
doctor-certificate-roca-key-remedy = Hãy yêu cầu nhà cung cấp đổi token và cấp chứng thư số mới.
doctor-clock = Đồng hồ: { $time }.
doctor-clock-behind = Đồng hồ của máy chạy chậm: đang là { $time }, trong khi có tệp được ghi muộn hơn.
doctor-clock-behind-remedy = Hãy chỉnh đồng hồ, hoặc bật đồng bộ giờ: timedatectl set-ntp true
doctor-browser = { $browser } khởi động được Triện.
doctor-browser-no-manifest = { $browser } chưa biết đến Triện.
doctor-browser-no-manifest-remedy = Hãy chạy: trien-extension-host install
doctor-browser-manifest-broken = { $browser } sẽ khởi động một chương trình không tồn tại: { $file }
doctor-browser-manifest-broken-remedy = Hãy chạy: trien-extension-host install
doctor-daemon = Dịch vụ Triện đang chạy.
doctor-daemon-absent = Dịch vụ Triện không chạy.
doctor-daemon-absent-remedy = Hãy khởi động: trien daemon
doctor-port-taken = Dịch vụ Triện không chạy, và cổng { $port } của nó đang bị chương trình khác chiếm.
doctor-port-taken-remedy = Hãy tắt chương trình đó, hoặc chọn cổng khác trong cấu hình (websocket.port).
