help = Triện để trang web xin chữ ký số của bạn, và không để bất cứ việc gì khác xảy ra.
help-template = {"{"}about-with-newline{"}"}
    {"{"}usage-heading{"}"} {"{"}usage{"}"}

    {"{"}all-args{"}"}
help-commands = Lệnh
help-arguments = Đối số
help-options = Tùy chọn
help-any-help = In phần trợ giúp này
help-any-version = In số phiên bản
help-any-lang = Ngôn ngữ của thông báo; nếu không nêu thì theo LANG
help-any-json = Dành cho chương trình: in kết quả dạng JSON
help-any-pin-file = Lấy mã PIN từ dòng đầu của tệp này
help-any-pin-fd = Lấy mã PIN từ dòng đầu của bộ mô tả tệp đang mở này

help-daemon = Chạy dịch vụ ở tiền cảnh; khi sẵn sàng thì in "ready" kèm các địa chỉ
help-daemon-config = Tệp cấu hình; nếu không nêu thì là config.toml trong thư mục cấu hình
help-daemon-prompter = Hỏi ai: "window" (cửa sổ), hoặc "scripted:TỆP" cho kiểm thử và CI (có ghi vào nhật ký)

help-token = Thiết bị ký và các khóa trên đó
help-cert = Chứng thư số trên các thiết bị ký

help-sign = Ký tệp bằng khóa trên thiết bị ký. Nhiều tệp là một lô với một lần nhập PIN
help-sign-inputs = Các tệp cần ký
help-sign-out = Nơi ghi kết quả: một tệp, hoặc một thư mục nếu có nhiều tệp
help-sign-format = Định dạng chữ ký
help-sign-level = Mức cơ sở; b là chữ ký không kèm dấu thời gian
help-sign-cert = Chứng thư nào: một phần nhãn, tên chủ thể hoặc số sê-ri, hoặc SHA-256 của nó
help-sign-padding = Với khóa RSA: lược đồ ký
help-sign-appearance = Với PDF: hiển thị chữ ký trên trang
help-sign-page = Với PDF: trang hiển thị, đếm từ 1
help-sign-rectangle = Với PDF: vị trí, tính bằng point từ góc dưới bên trái của trang: x1,y1,x2,y2
help-sign-reason = Với PDF: lý do ký
help-sign-location = Với PDF: nơi ký
help-sign-detached = Với CAdES: chỉ ghi chữ ký, không kèm nội dung

help-verify = Kiểm tra chữ ký của tệp; chỉ thành công khi mọi chữ ký của mọi tệp đều TOTAL-PASSED
help-verify-inputs = Tệp PDF đã ký hoặc chữ ký CMS
help-verify-trust = Thư mục chứa các chứng thư được tin cậy; nếu không nêu thì theo cấu hình
help-verify-at = Xét tại thời điểm này (RFC 3339) thay vì bây giờ
help-verify-content = Nội dung của chữ ký tách rời
help-verify-html = Ghi thêm báo cáo dạng trang web vào tệp này

help-origin = Những gì các trang web được phép làm
help-origin-list = Liệt kê các trang cùng quyền của chúng
help-origin-allow = Cho phép một trang xin chữ ký của bạn
help-origin-allow-origin = Nguồn gốc của trang, ví dụ https://dichvucong.gov.vn
help-origin-allow-scope = Trang được xin gì; có thể nêu nhiều lần
help-origin-allow-until = Thời điểm hết quyền (RFC 3339); nếu không nêu thì không hết
help-origin-revoke = Thu lại quyền của một trang; các kết nối đang mở của nó bị đóng
help-origin-revoke-origin = Nguồn gốc của trang

help-audit = Nhật ký các lần chấp thuận và ký
help-audit-show = Xem nhật ký
help-audit-show-last = Chỉ chừng này mục cuối
help-audit-verify = Kiểm tra rằng không ai sửa nhật ký
