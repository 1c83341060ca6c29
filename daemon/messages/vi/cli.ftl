misuse-unknown-argument = Không có đối số "{ $argument }".
misuse-unknown-verb = Không có lệnh "{ $verb }".
misuse-missing-argument = Thiếu đối số: { $argument }.
misuse-missing-verb = Thiếu lệnh.
misuse-invalid-value = "{ $value }" không phải là giá trị của { $argument }. Có thể dùng: { $choices }.
misuse-bad-value = "{ $value }" không phải là giá trị của { $argument }.
misuse-conflict = Không thể dùng { $argument } cùng với { $other }.
misuse-other = Các đối số không hợp với nhau.
misuse-remedy = Xem "trien --help" hoặc "trien LỆNH --help".

cli-no-runtime = Chương trình không khởi động được các luồng xử lý: { $reason }.
cli-no-runtime-remedy = Hãy đóng bớt chương trình khác, hoặc nâng giới hạn số tiến trình, rồi thử lại.
cli-no-places = Người dùng này không có thư mục nhà hoặc thư mục chạy (XDG_RUNTIME_DIR).
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
sign-over-input = "{ $file }" là tệp cần ký; bản gốc sẽ mất.
sign-over-input-remedy = Hãy nêu tệp khác với --out.
sign-bad-rectangle = "{ $value }" không phải là một hình chữ nhật.
sign-bad-rectangle-remedy = Hãy nêu bốn số với x1 < x2 và y1 < y2, ví dụ 320,60,560,140.

verify-nothing-to-trust = Không tìm thấy chứng thư tin cậy nào trong "{ $file }": không thể kết luận hợp lệ. Hãy đặt chứng thư gốc của các CA vào đó, dạng PEM hoặc DER.
verify-bad-trust = Bỏ qua: { $reason }
verify-bad-time = "{ $value }" không phải là thời điểm.
verify-bad-time-remedy = Hãy viết như 2026-11-21T09:00:00+07:00.
verify-not-signed-file = "{ $file }" không phải là PDF mà cũng không phải là chữ ký CMS.
verify-not-signed-file-remedy = Hãy chọn tệp đã ký.
verify-unreadable-document = Không kiểm tra được "{ $file }": { $reason }.
verify-unreadable-document-remedy = Hãy xin lại tệp: tệp bị hỏng, bị mã hóa, hoặc chưa đủ.

origin-bad = "{ $origin }" không phải là nguồn gốc có thể cho phép.
origin-bad-remedy = Hãy viết như https://dichvucong.gov.vn: https, tên máy chủ, cổng nếu khác 443, và không gì phía sau.
origin-unknown = "{ $origin }" chưa có quyền nào.
origin-unknown-remedy = Xem "trien origin list".
origin-bad-time = "{ $value }" không phải là thời điểm trong tương lai.
origin-bad-time-remedy = Hãy viết như 2027-01-01T00:00:00+07:00.
origin-file-failed = Không đọc hoặc ghi được các quyền trong "{ $file }": { $reason }.
origin-file-failed-remedy = Hãy xem tệp có phải của bạn, chỉ mình bạn được ghi, và thư mục của nó có tồn tại không.
origin-developer-only = Lưu ý: dịch vụ chỉ nhận trang http của chính máy này khi cấu hình có "developer = true".
origin-none = Chưa trang nào có quyền.
origin-allowed = { $origin } từ nay được: { $scopes }.
origin-revoked = { $origin } không còn quyền nào.
origin-forever = không thời hạn
scope-certificates = xem một chứng thư
scope-sign = xin ký tài liệu
scope-verify = kiểm tra chữ ký
scope-blind-digest = xin ký giá trị băm

audit-empty = Nhật ký trống.
audit-intact = Nhật ký nguyên vẹn: { $count } mục.
audit-broken = Nhật ký đã bị sửa: mục { $sequence } không nối tiếp mục trước nó.
audit-broken-remedy = Hãy giữ nguyên tệp và báo cho người quản trị máy tính này.
audit-unreadable = Không đọc được nhật ký "{ $file }": { $reason }.
audit-unreadable-remedy = Hãy kiểm tra tệp có phải của bạn không.
