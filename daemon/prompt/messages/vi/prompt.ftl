# Cửa sổ xác nhận: xưng "bạn", câu ngắn, nói điều xảy ra rồi điều cần làm.

window-title = { $asks } – { $origin } – Triện

# Ai hỏi, hỏi gì
ask-share-certificate = Trang web này muốn xem một chứng thư số của bạn
ask-sign-in = Trang này đề nghị bạn đăng nhập
ask-allow-origin = Trang này hiện chưa được bạn cho phép. Bạn có cho phép nó đề nghị bạn ký không?
ask-allow-origin-again = Bạn từng cho phép trang này, nay đã hết thời hạn. Bạn có cho phép nó tiếp tục đề nghị bạn ký không?
ask-sign-documents = { $count ->
   *[other] Trang web này xin chữ ký của bạn trên { $count } tài liệu
}
ask-sign-digest = { $count ->
    [1] Trang web này xin bạn ký một giá trị băm
   *[other] Trang web này xin bạn ký { $count } giá trị băm
}
road-extension = Yêu cầu đến qua tiện ích mở rộng của trình duyệt
road-websocket = Yêu cầu đến qua kết nối WebSocket trên máy này
road-program = Yêu cầu đến từ một chương trình trên máy này, không phải từ một trình duyệt mà Triện biết. Chỉ tiếp tục nếu chính bạn đã chạy chương trình đó.
road-program-named = Yêu cầu đến từ một chương trình trên máy này, không phải từ một trình duyệt mà Triện biết: { $program }. Chỉ tiếp tục nếu chính bạn đã chạy chương trình đó.
origin-unicode = Dạng Unicode: { $host }
origin-around = nằm trong một trang của trang web khác:
share-explained = Trang web sẽ thấy tên, các số định danh và khóa công khai trong chứng thư. Chưa có gì được ký.
sign-in-explained = Trang sẽ biết bạn là ai: họ tên, các số định danh, và bạn đang giữ khóa. Không có tài liệu nào được ký. Chỉ tiếp tục nếu chính bạn đã vào trang này để đăng nhập.
allow-explained = Lúc này chưa có gì được ký và trang chưa xem được gì. Mỗi lần trang cần chứng thư, đăng nhập hay chữ ký, bạn sẽ được hỏi lại; chỉ việc kiểm tra chữ ký là không hỏi. Chỉ cho phép trang mà chính bạn đã chủ động vào.
digest-explained = Trang web này không cho thấy bạn ký nội dung gì. Chỉ đồng ý nếu bạn tin trang web này và biết mình đang ký gì.

# Tài liệu
documents = Tài liệu ({ $count })
documents-hint = Tên do trang web đặt. Nhấn vào một dòng để xem trọn giá trị băm.
documents-search = Tìm theo tên hoặc giá trị băm
documents-none = { $of ->
    [digests] Không có giá trị băm nào khớp.
   *[documents] Không có tài liệu nào khớp.
}
documents-left-out = { $count } trên { $total } tài liệu không thể ký: { $named }
documents-warned = Hãy xem các tài liệu có cảnh báo: { $count } trên { $total }.
warnings-unseen = Cảnh báo phải cuộn mới thấy: { $count }
document-warning-signature-broken = Một chữ ký có trước trong tài liệu này đã hỏng.
document-warning-changed-after-signing = Tài liệu này đã bị thay đổi sau một chữ ký có trước, theo cách không được phép.
document-warning-signature-unchecked = Chưa kiểm tra được các chữ ký có trước trong tài liệu này.
document-warning-active-content = Tài liệu này có thể chạy tập lệnh hay chương trình, gửi dữ liệu đi, hoặc chứa tệp khác.
document-warning-shown-otherwise = Những gì tài liệu này hiển thị có thể chưa đủ, hoặc không như nhau với mọi người: có lớp không phải lúc nào cũng hiện, chú thích che nội dung trang, hoặc ô biểu mẫu hiện khác với giá trị của nó.
document-warning-may-come = Tài liệu này thiếu những phần dùng để hiển thị và có thể được thêm vào sau: sau khi ký, tài liệu có thể trông khác đi.
document-warning-unsearched = Chưa xem xét được toàn bộ tài liệu này: bên trong có thể có nhiều hơn những gì nó hiển thị.
document-warning-last-signature = Tài liệu này có phần không đúng chuẩn PDF: sau khi bạn ký, không ai ký thêm được và không thêm được dấu thời gian. Nếu còn người khác phải ký, hãy đề nghị lưu lại thành một tệp PDF mới trước.
document-open = Mở
document-open-named = Mở { $name }
document-not-opened = Không mở được tài liệu ở đây; có thể chưa cài phần mềm đọc loại này.
document-not-copied = Không tạo được bản sao của tài liệu để xem; ổ đĩa có thể đã đầy.
document-too-many = Đã mở quá nhiều tài liệu trong một lần hỏi. Muốn xem các tài liệu khác, hãy từ chối rồi ký ít tài liệu hơn mỗi lần.
document-kind = { $kind } · { $size }
kind-pdf = PDF
kind-xml = XML
kind-zip = gói ZIP
kind-text = văn bản
kind-other = dữ liệu khác
digest-heading = { $count ->
    [1] Giá trị băm sẽ được ký
   *[other] Giá trị băm sẽ được ký ({ $count })
}

# Một trang web chưa được biết đến
permissions = Trang được phép
permissions-days = Thời _hạn
permission-certificates = đề nghị xem một chứng thư số của bạn
permission-sign-in = đề nghị bạn đăng nhập
permission-sign = đề nghị bạn ký tài liệu
permission-batch = đề nghị nhiều chữ ký một lần
permission-verify = nhờ kiểm tra chữ ký
permission-blind-digest = đề nghị bạn ký giá trị băm mà không ai xem được nội dung
days-one = một ngày
days-month = 30 ngày
days-year = một năm

# Chữ ký: những gì trang web ghi vào và được ký cùng tài liệu
signature = Chữ ký
signature-format = Định dạng
format-pades = PAdES: chữ ký nằm trong tệp PDF
format-cades-attached = CAdES: tệp chữ ký chứa cả tài liệu
format-cades-detached = CAdES: tệp chữ ký tách rời tài liệu
format-cades-parallel = CAdES: thêm một chữ ký bên cạnh các chữ ký đã có trong tệp
format-cades-counter = CAdES: chữ ký xác nhận (counter-signature) lên chữ ký đã có trong tệp
format-xades-enveloped = XAdES: chữ ký nằm trong tài liệu XML
format-xades-enveloping = XAdES: tệp chữ ký chứa cả tài liệu
format-xades-detached = XAdES: tệp chữ ký tách rời tài liệu
format-xmldsig = Chữ ký XML: đúng chỗ quy định trong tài liệu XML
format-jades = JAdES: chữ ký JSON chứa cả tài liệu
format-asic-e = ASiC-E: gói gồm tài liệu và chữ ký
format-asic-s = ASiC-S: gói gồm tài liệu và chữ ký
format-ooxml = Tài liệu Office (docx, xlsx, pptx): chữ ký nằm trong tài liệu
signature-appearance = Hình thức
signature-visible = Chữ ký hiển thị trên trang
signature-certifies = Chứng thực
certifies-nothing = Sau đó không ai được sửa văn bản
certifies-forms = Sau đó chỉ được điền biểu mẫu và ký thêm
certifies-comments = Sau đó chỉ được điền biểu mẫu, ký thêm và ghi chú
signature-locks = Các ô biểu mẫu
locks-fields = Bị khóa sau khi ký
signature-reason = Trang web ghi lý do
signature-location = Nơi ký

# Chứng thư
certificate = Chứng thư số
certificate-choose = _Chọn chứng thư số
certificate-choice = { $name } · { $issuer } · đến { $until }
certificate-name = Tên
certificate-settled = Mã PIN đang nhập là của chứng thư này. Muốn dùng chứng thư khác, hãy từ chối rồi bắt đầu lại.
certificates-not-valid = { $count } chứng thư không được đưa ra để chọn: { $named }
certificate-expired = { $name }, hết hạn ngày { $day }
certificate-not-yet = { $name }, có hiệu lực từ ngày { $day }
certificate-organization = Tổ chức
certificate-identity = Định danh
certificate-issuer = Nơi cấp
certificate-serial = Số sê-ri
certificate-validity = Hiệu lực
certificate-validity-value = { $from } – { $until }
certificate-status = Tình trạng
certificate-token = Thiết bị

# PIN
pin = Mã PIN của thiết bị { $token }
signer = Ký với: { $name }
signer-sign-in = Đăng nhập với: { $name }
pin-reader = Nhập mã PIN trên bàn phím của đầu đọc thẻ sau khi bạn đồng ý.
pin-locked = Mã PIN của thiết bị này đã bị khóa. Hãy mở khóa bằng mã PUK hoặc liên hệ nơi cấp chứng thư.
pin-not-needed = Thiết bị này không hỏi mã PIN.
pin-tries = Còn { $count } lần thử trước khi thiết bị bị khóa.
pin-few = Gần đây đã có lần nhập sai. Nếu sai thêm, thiết bị có thể bị khóa.
pin-last = Còn 1 lần thử: đây là lần cuối cùng. Nếu sai lần này, thiết bị sẽ bị khóa.
pin-acknowledge = Tôi biết đây là lần thử cuối cùng
pin-incorrect = Mã PIN không đúng. Hãy nhập lại.
pin-invalid = Thiết bị không nhận mã PIN như vậy. Chưa mất lần thử nào. Hãy nhập lại.
pin-not-tried = Mã PIN chưa được thử: trong lúc đó, chương trình khác đã làm mất lượt thử. Hãy nhập lại.
pin-resumed = Thiết bị đã được cắm lại. Hãy nhập mã PIN để tiếp tục.
pin-next-signature = Khóa này đòi mã PIN cho từng chữ ký. Hãy nhập cho chữ ký tiếp theo.
pin-empty = Hãy nhập mã PIN.
pin-too-short = Mã PIN phải có ít nhất { $min } ký tự. Chưa mất lần thử nào.
pin-too-long = Mã PIN dài nhất là { $max } ký tự. Chưa mất lần thử nào.
pin-control = Mã PIN không được chứa ký tự điều khiển hay dấu xuống dòng. Chưa mất lần thử nào.
pin-space = Mã PIN hiếm khi bắt đầu hoặc kết thúc bằng dấu cách. Nếu đúng là có dấu cách, hãy xác nhận lần nữa. Chưa mất lần thử nào.
pin-letters = Mã PIN hiếm khi có chữ có dấu hay ký tự đặc biệt: có thể bộ gõ đã đổi những gì bạn nhập. Nếu đúng là như vậy, hãy xác nhận lần nữa. Chưa mất lần thử nào.

# Quyết định và kết quả
approve-sign = _Ký
approve-share = Cho _xem
approve-allow = Cho _phép
approve-sign-in = Đăng _nhập
refuse = _Từ chối
refuse-keep = _Dừng lại, giữ { $count } { $of ->
    [digests] giá trị băm
   *[documents] tài liệu
} đã ký
close = Đó_ng
time-left = Tự động từ chối sau { $time }
working = Đang xử lý…
working-reader = Hãy nhập mã PIN trên đầu đọc thẻ…
working-progress = { $of ->
    [digests] Đã ký { $done } trên { $total } giá trị băm…
   *[documents] Đã ký { $done } trên { $total } tài liệu…
}
paused = Thiết bị đã bị rút ra khi mới ký { $done }/{ $total }. Hãy cắm lại để tiếp tục.
done-sign = Đã ký xong.
done-partly = { $of ->
    [digests] Đã ký { $signed } giá trị băm; { $failed } giá trị băm không ký được. Trang web đã được báo lý do.
   *[documents] Đã ký { $signed } tài liệu; { $failed } tài liệu không ký được. Trang web đã được báo lý do.
}
done-share = Đã cho trang web xem chứng thư.
done-allow = Đã cho phép.
done-sign-in = Đã đăng nhập.
failed-pin-locked = Thiết bị đã bị khóa vì nhập sai mã PIN quá nhiều lần. Hãy mở khóa bằng mã PUK hoặc liên hệ nơi cấp chứng thư.

# Dòng lệnh
help =
    trien-prompt: cửa sổ xác nhận của Triện

    Dịch vụ Triện tự chạy chương trình này mỗi khi cần hỏi bạn; không chạy bằng tay.

    Cách dùng: trien-prompt [--help | --version]

    Mã thoát: 0 đã hỏi xong · 2 dùng sai · 3 không có màn hình hoặc dịch vụ nói sai giao thức
error-arguments = không nhận đối số nào ngoài --help và --version
error-not-a-daemon = chương trình này do dịch vụ Triện chạy, không chạy bằng tay; hãy dùng “trien daemon”
error-silent = dịch vụ Triện đã chạy chương trình này nhưng không gửi câu hỏi nào
error-too-long = dịch vụ Triện gửi một thông điệp quá dài; hãy kiểm tra xem các phần có cùng phiên bản không
error-not-understood = không hiểu thông điệp của dịch vụ Triện ({ $error }); hãy kiểm tra xem các phần có cùng phiên bản không
error-out-of-turn = dịch vụ Triện gửi một thông điệp không đúng lúc; hãy kiểm tra xem các phần có cùng phiên bản không
error-system = hệ thống từ chối: { $error }
error-no-question = dịch vụ Triện không gửi câu hỏi hợp lệ; hãy kiểm tra xem các phần có cùng phiên bản không
error-no-display = không có màn hình để hỏi; hãy chạy dịch vụ trong phiên đồ họa (DISPLAY hoặc WAYLAND_DISPLAY)
