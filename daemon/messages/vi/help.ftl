help = Triện cho phép trang web xin chữ ký số của bạn, và không cho phép bất cứ việc gì khác.
help-template = {"{"}about-with-newline{"}"}
    Cách dùng: {"{"}usage{"}"}

    {"{"}all-args{"}"}{"{"}after-help{"}"}
help-commands = Lệnh
help-arguments = Đối số
help-options = Tùy chọn
help-examples = Ví dụ:
help-trien-examples = {"  "}trien doctor
    {"  "}trien token list
    {"  "}trien sign đơn.pdf --out đơn-đã-ký.pdf
    {"  "}trien verify đơn-đã-ký.pdf
    {"  "}trien origin allow https://dichvucong.gov.vn
    {"  "}trien help sign
help-sign-examples = {"  "}trien sign đơn.pdf --out đơn-đã-ký.pdf
    {"  "}trien sign *.pdf --out đã-ký/ --cert "Nguyễn Văn An"
    {"  "}trien sign hồ-sơ.zip --format cades --out hồ-sơ.zip.p7m
    {"  "}trien sign đơn.pdf --out đơn-đã-ký.pdf --level t --appearance plain --page last
help-verify-examples = {"  "}trien verify đơn-đã-ký.pdf
    {"  "}trien verify *.pdf --html báo-cáo.html
    {"  "}trien verify hồ-sơ.p7s --content hồ-sơ.zip
help-augment-examples = {"  "}trien augment đơn-đã-ký.pdf --level lt --out đơn-lưu-trữ.pdf
    {"  "}trien augment --queued
help-token-examples = {"  "}trien token list
    {"  "}trien token change-pin --token "Token của tôi"
    {"  "}trien token init --label "Thử nghiệm"
help-origin-examples = {"  "}trien origin allow https://dichvucong.gov.vn
    {"  "}trien origin allow https://dichvucong.gov.vn --scope sign --until 2027-01-01T00:00:00+07:00
    {"  "}trien origin list
help-trust-examples = {"  "}trien trust add root-ca.crt
    {"  "}trien trust list
    {"  "}trien trust import-crl ca.crl
help-cert-examples = {"  "}trien cert list
    {"  "}trien cert list --reveal
    {"  "}trien cert list --json
help-audit-examples = {"  "}trien audit show --last 20
    {"  "}trien audit verify
    {"  "}trien audit verify --receipt biên-nhận.json
help-daemon-examples = {"  "}systemctl --user enable --now trien
    {"  "}trien daemon
    {"  "}trien daemon --config ./config.toml
help-doctor-examples = {"  "}trien doctor
    {"  "}trien doctor --lang en
    {"  "}trien doctor --json
help-value-file = TỆP
help-value-file-dir = TỆP|THƯ_MỤC
help-value-dir = THƯ_MỤC
help-value-in = TỆP
help-value-selector = CHỨNG_THƯ
help-value-preset = KIỂU
help-value-time = THỜI_ĐIỂM
help-value-count = SỐ_MỤC
help-value-origin = ĐỊA_CHỈ
help-value-label = TÊN
help-value-pin-file = TỆP
help-value-so-pin-file = TỆP
help-value-new-pin-file = TỆP
help-value-puk-file = TỆP
help-value-management-key-file = TỆP
help-value-pin-fd = SỐ
help-value-so-pin-fd = SỐ
help-value-new-pin-fd = SỐ
help-value-token = TOKEN
help-value-algorithm = LOẠI
help-value-subject = CHỦ_THỂ
help-value-out = TỆP
help-value-key = TÊN
help-value-cert = TỆP
help-value-scope = QUYỀN
help-value-until = THỜI_ĐIỂM
help-value-format = ĐỊNH_DẠNG
help-value-level = MỨC
help-value-on-error = CÁCH
help-value-padding = LƯỢC_ĐỒ
help-value-hash = HÀM_BĂM
help-value-page = TRANG
help-value-reason = LÝ_DO
help-value-location = NƠI
help-value-lang = NGÔN_NGỮ
help-value-prompter = CÁCH_HỎI
help-value-rectangle = X1,Y1,X2,Y2
help-value-profile = LOẠI_TOKEN
help-value-password-file = TỆP
help-value-id = HEX
help-value-name = TÊN
help-value-text = CHỮ
help-value-certify = 1|2|3
help-value-name-text = TÊN=NỘI_DUNG
help-value-fields = all|TÊN,…
help-value-n-last = N|last
help-value-module = TRÌNH_ĐIỀU_KHIỂN
help-value-script = KỊCH_BẢN
help-value-options = [TÙY CHỌN]
help-value-verb = LỆNH
help-any-help = In phần trợ giúp này
help-any-version = In số phiên bản
help-any-lang = Ngôn ngữ của thông báo: vi hoặc en; nếu không nêu thì theo LANG
help-any-json = Dành cho chương trình: in kết quả dạng JSON
help-any-pin-file = Lấy mã PIN từ dòng đầu của tệp này; lần thử cuối cùng thì chỉ nhận mã gõ tại cửa sổ dòng lệnh
help-any-pin-fd = Lấy mã PIN từ dòng đầu của bộ mô tả tệp đang mở này; lần thử cuối cùng thì chỉ nhận mã gõ tại cửa sổ dòng lệnh

help-daemon = Chạy dịch vụ ở tiền cảnh; khi sẵn sàng thì in "ready" kèm các địa chỉ
help-daemon-config = Tệp cấu hình; nếu không nêu thì là config.toml trong thư mục cấu hình
help-daemon-prompter = Hỏi ai: "window" (cửa sổ xác nhận), hoặc "scripted:" kèm đường dẫn tuyệt đối, cho kiểm thử và CI (có ghi vào sổ ghi nhận việc ký)
help-daemon-simulate = Thay cho thiết bị của máy này, dùng thiết bị theo kịch bản: treo, chậm, trả lời sai, bị rút ra. Dành cho người lập trình cổng; phần nói về trình mô phỏng trong README mô tả định dạng
help-doctor = Tìm những gì cản trở việc ký: đầu đọc, trình điều khiển, thiết bị, chứng thư số, trình duyệt, đồng hồ; mỗi phát hiện kèm cách xử lý

help-token = Thiết bị ký và các khóa trên đó
help-cert = Chứng thư số trên các thiết bị ký
help-cert-list-reveal = Trước hết đăng nhập vào từng thiết bị không cho thấy chứng thư số nào, và nhớ những chứng thư số hiện ra sau đó

help-sign = Ký tệp bằng khóa trên thiết bị ký. Nhiều tệp là một lô với một lần nhập PIN
help-sign-inputs = Các tệp cần ký; "-" là đầu vào chuẩn
help-sign-out = Nơi ghi kết quả: một tệp, hoặc một thư mục nếu có nhiều tệp (tên kết thúc bằng "/" thì được tạo khi chưa có); "-" là đầu ra chuẩn
help-sign-force = Ghi đè tệp kết quả đã có mà không hỏi. Không có đối số này, người ở cửa sổ dòng lệnh được hỏi trước khi nhập mã PIN; khi mã PIN lấy từ tệp thì tệp bị ghi đè, kèm một dòng báo
help-sign-format = Định dạng chữ ký: pades (mặc định, cho PDF), ooxml (mặc định cho docx, xlsx, pptx), cades (mọi tệp), xades và xmldsig (XML), jades và jades-json (JSON), asic-e và asic-s (gói với XAdES), asic-e-cades và asic-s-cades
help-sign-level = Mức chữ ký: b (mặc định), t có dấu thời gian, lt có dữ liệu chứng minh, lta có dấu thời gian lên dữ liệu ấy
help-sign-tsa = Tổ chức cấp dấu thời gian, http://…; nếu không có thì lần lượt hỏi các tổ chức trong cấu hình
help-sign-queue = Nếu không liên lạc được tổ chức nào: để tệp ở mức b, và nâng mức khi có mạng
help-sign-cert = Chứng thư nào: đúng nhãn, đúng số sê-ri hoặc đúng SHA-256 của nó, ít nhất 8 chữ số đầu của SHA-256, hoặc một phần tên chủ thể
help-sign-padding = Với khóa RSA: lược đồ ký, pkcs1 hoặc pss; nếu không nêu: pkcs1, hoặc pss khi token chỉ có pss
help-sign-hash = Hàm băm của chữ ký: sha256, sha384 hoặc sha512; nếu không nêu: hàm hợp với khóa (sha256 với RSA). Ô chữ ký của PDF có thể đòi hàm khác
help-sign-appearance = Với PDF: hiển thị chữ ký trên trang; kiểu: plain, person, agency, copy, attachment, incoming, number-and-date hoặc mẫu của riêng bạn
help-sign-page = Với PDF: trang hiển thị, đếm từ 1, hoặc last là trang cuối; mỗi mẫu có trang thường dùng
help-sign-rectangle = Với PDF: vị trí, tính bằng point từ góc dưới bên trái của trang: x1,y1,x2,y2
help-sign-at-keyword = Với PDF: hiển thị cạnh đoạn chữ này trên trang
help-sign-image = Với PDF: hình chữ ký hoặc con dấu (PNG); kiểu person, agency và incoming cần có
help-sign-qr = Với PDF: mã QR bên cạnh, thường là địa chỉ tra cứu văn bản
help-sign-value = Với PDF: nội dung mà mẫu cần, ví dụ number=15/QĐ-UBND (kiểu attachment và number-and-date cần có) hoặc form=TRÍCH SAO; có thể nêu nhiều lần
help-sign-field = Với PDF: ký vào ô chữ ký còn trống này của văn bản
help-sign-certify = Với PDF: chứng thực văn bản; sau đó 1: không được sửa gì, 2: chỉ điền biểu mẫu và ký, 3: được thêm ghi chú
help-sign-lock = Với PDF: các ô không ai được điền hay ký sau đó: all, hoặc tên các ô
help-sign-despite-changes = Với PDF: vẫn ký dù chữ ký có trước đã hỏng hoặc tài liệu đã bị thay đổi sau chữ ký đó
help-sign-on-error = Khi một tệp không ký được: go-on vẫn ký các tệp khác (mặc định), stop không ký các tệp sau nó, và không ký tệp nào nếu biết điều đó trước khi hỏi mã PIN
help-sign-reason = Với PDF và tài liệu Office: lý do ký
help-sign-location = Với PDF: nơi ký
help-sign-detached = Với CAdES: chỉ ghi chữ ký, không kèm nội dung
help-sign-parallel = Với CAdES: các tệp là chữ ký; thêm một chữ ký bên cạnh các chữ ký đã có
help-sign-content = Với --parallel: tệp nội dung của chữ ký không chứa nội dung bên trong
help-sign-countersign = Với CAdES: các tệp là chữ ký của một người; thêm chữ ký xác nhận (counter-signature) lên chữ ký ấy
help-sign-enveloping = Với XAdES: đặt nội dung vào trong chữ ký; lớn nhất 149 MiB, như jades và jades-json, vì kết quả phải kiểm tra được
help-sign-template = Với xmldsig: general (mặc định), tax-declaration (tờ khai thuế), tax-registration (đăng ký thuế điện tử), e-invoice (hóa đơn, bên bán), e-invoice-buyer (bên mua), e-invoice-tax-authority (cơ quan thuế), e-invoice-notice (thông báo về hóa đơn, người nộp thuế), e-invoice-notice-tax-authority (cơ quan thuế), hoặc tên một tệp TÊN.toml trong thư mục "templates" cạnh config.toml

help-verify = Kiểm tra chữ ký của tệp; chỉ thành công khi mọi chữ ký của mọi tệp đều TOTAL-PASSED
help-verify-inputs = Tệp đã ký: PDF, CMS (.p7m, .p7s), XML, JSON (JWS), gói ASiC hoặc tài liệu Office; "-" là đầu vào chuẩn
help-verify-trust = Các chứng thư được tin cậy: một tệp (PEM, DER hoặc .p7b) hoặc thư mục chứa chúng; nếu không nêu thì theo cấu hình
help-verify-at = Xét tại thời điểm này (RFC 3339) thay vì bây giờ
help-verify-content = Nội dung của chữ ký tách rời
help-verify-allow-sha1 = Chấp nhận SHA-1, cho tài liệu từ thời còn dùng nó; báo cáo sẽ ghi rõ
help-verify-require-revocation = Không chấp nhận chữ ký khi không biết chứng thư có bị thu hồi hay không
help-verify-html = Ghi thêm báo cáo dạng trang web vào tệp này

help-origin = Những gì các trang web được phép làm
help-origin-list = Liệt kê các trang cùng quyền của chúng và hạn của từng quyền, kể cả quyền do quản trị viên cho
help-origin-allow = Cho phép một trang xin chữ ký của bạn
help-origin-allow-origin = Địa chỉ gốc (origin) của trang, ví dụ https://dichvucong.gov.vn
help-origin-allow-scope = Trang được xin gì: certificates, sign_in, sign, batch, verify, blind_digest; có thể nêu nhiều lần; nếu không nêu thì là các quyền thông thường
help-origin-allow-until = Thời điểm hết quyền (RFC 3339), hoặc never nếu không có thời hạn; không nêu thì là một năm
help-origin-allow-add = Thêm vào những quyền đã có, mỗi quyền có thời hạn riêng; nếu không, thay cho chúng
help-origin-revoke = Thu lại quyền của một trang; các kết nối đang mở của nó bị đóng
help-origin-revoke-origin = Địa chỉ gốc (origin) của trang
help-origin-revoke-scope = Chỉ quyền này; có thể lặp lại; nếu không có, tất cả

help-audit = Sổ ghi nhận việc ký: các lần chấp thuận và ký
help-audit-show = Xem sổ ghi nhận việc ký
help-audit-show-last = Chỉ xem từng này mục cuối cùng
help-audit-verify = Kiểm tra rằng không ai sửa sổ ghi nhận việc ký
help-audit-verify-receipt = Kiểm tra cả biên nhận này, thứ trang web nhận được cùng với chữ ký (JSON)
help-audit-verify-record = Kiểm tra tệp này thay cho sổ hiện tại: sổ đã được chuyển đi nơi khác

help-augment = Nâng mức chữ ký: dấu thời gian (t), dữ liệu chứng minh chứng thư (lt), dấu thời gian lên tất cả (lta)
help-augment-input = Tệp đã ký; "-" là đầu vào chuẩn
help-augment-level = Mức cần đạt: t (mặc định), lt hoặc lta
help-augment-out = Nơi ghi kết quả; "-" là đầu ra chuẩn
help-augment-content = Với chữ ký tách rời: tệp được ký (cần cho lta)
help-augment-tsa = Tổ chức cấp dấu thời gian, http://…; nếu không có thì lần lượt hỏi các tổ chức trong cấu hình
help-augment-queued = Nâng mức mọi tệp đang chờ, thay vì một tệp

help-trust = Máy này tin ai, và biết gì về việc thu hồi
help-trust-list = Liệt kê chứng thư gốc, chứng thư trung gian và danh sách thu hồi, kèm độ mới
help-trust-add = Tin các chứng thư: tự cấp là gốc, còn lại là trung gian
help-trust-add-files = Chứng thư, dạng PEM, DER hoặc .p7b
help-trust-remove = Thôi tin một chứng thư
help-trust-remove-sha256 = SHA-256 như "trien trust list" hiện ra, hoặc ít nhất 8 chữ số đầu
help-trust-import-crl = Nạp danh sách thu hồi, cho máy không có mạng; chỉ nhận của tổ chức đã biết
help-trust-import-crl-files = Danh sách thu hồi, PEM hoặc DER
help-trust-evidence = Những gì đã biết về chứng thư lúc ký: chứng thư, đường dẫn, tình trạng thu hồi
help-trust-evidence-erase = Xóa thay vì liệt kê
help-trust-evidence-before = Chỉ xóa những gì cũ hơn thời điểm này
