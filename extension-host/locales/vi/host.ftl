usage =
    trien-extension-host: chương trình để trình duyệt nói chuyện với Triện trên máy này.
    Trình duyệt tự chạy chương trình này; người dùng chỉ cần các lệnh sau.

    trien-extension-host install [--browser chromium|chrome|edge|brave|firefox] [--user | --system | --user-data-dir THƯ_MỤC] [--extension-id MÃ]
    trien-extension-host remove  [--browser chromium|chrome|edge|brave|firefox] [--user | --system | --user-data-dir THƯ_MỤC]
    trien-extension-host --version
    trien-extension-host --help

    --browser        chỉ cho trình duyệt này; có thể lặp lại; nếu không có thì cho tất cả
    --user           cho người dùng hiện tại (mặc định)
    --system         cho mọi người dùng của máy; cần quyền quản trị
    --user-data-dir  cho một thư mục hồ sơ của Chromium, Chrome, Edge hoặc Brave
    --extension-id   trong Chromium và các trình duyệt cùng họ, tiện ích này cũng được chạy chương trình: bản đóng gói bằng khóa riêng;
                     có thể lặp lại; mỗi lần “install” phải nêu lại tất cả
installed = Đã ghi { $path }
extension-lies = Cần thêm tiện ích của trình duyệt. Nó nằm ở { $folder }: thư mục chromium (mở chrome://extensions, bật “Chế độ dành cho nhà phát triển”, chọn “Tải tiện ích đã giải nén”) và firefox (mở about:debugging, chọn “Tải tiện ích bổ sung tạm thời”).
extension-needed = Cần thêm tiện ích Triện của trình duyệt; không có tiện ích thì các tệp này chưa có tác dụng. “make install” đặt tiện ích vào share/trien/webextension.
removed = Đã xóa { $path }
named-another = Trước đó tệp này trỏ đến một chương trình khác: { $program }
was-unusable = Tệp ở đó trước đây không phải là tệp khai báo mà trình duyệt dùng được.
kept = { $path } được giữ lại: tệp này còn được cài cho { $browsers }, trình duyệt đọc cùng một tệp
absent = Không có { $path }
sandbox-portal = { $browser } cài bằng { $package }: trình duyệt đọc cùng tệp này qua cổng (portal) của môi trường làm việc và sẽ hỏi bạn một lần có cho chạy Triện không. Nếu không thấy hỏi thì máy thiếu cổng đó; hãy cài Firefox bằng gói .deb hoặc từ Mozilla.
sandbox-closed = { $browser } cài bằng { $package }: không làm gì. Hộp cát không cho trình duyệt này chạy chương trình khác nên tiện ích không đến được Triện. Trang web vẫn dùng được WebSocket; muốn dùng tiện ích, hãy cài { $browser } bằng gói .deb.
misuse = Không hiểu đối số “{ $argument }”. Xem trien-extension-host --help.
bad-extension-id = “{ $value }” không phải là mã của tiện ích. Mã gồm 32 chữ cái từ a đến p, như chrome://extensions hiển thị.
extension-id-needed = --extension-id cần mã của tiện ích: 32 chữ cái từ a đến p, như chrome://extensions hiển thị.
no-home = Không biết thư mục cá nhân của người dùng. Hãy đặt biến HOME.
io-not-found = không có tệp hoặc thư mục này
io-permission-denied = không có quyền
io-not-a-folder = một phần của đường dẫn không phải là thư mục
io-is-a-folder = đây là một thư mục
io-read-only = ổ đĩa này chỉ cho đọc
io-storage-full = hết dung lượng
io-no-utf8 = đường dẫn của chương trình này không phải là văn bản UTF-8
io-number = lỗi hệ thống số { $number }
cannot-write = Không ghi được { $path }: { $reason }. Hãy kiểm tra quyền ghi thư mục.
cannot-remove = Không xóa được { $path }: { $reason }. Hãy kiểm tra quyền ghi thư mục.
no-program = Không biết chương trình này nằm ở đâu: { $reason }. Hãy cài đặt lại Triện.
too-large = Câu trả lời quá lớn nên trình duyệt không nhận được.
too-large-remedy = Hãy tải tài liệu về theo từng phần nhỏ hơn.
