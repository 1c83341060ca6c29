usage =
    trien-extension-host: chương trình để trình duyệt nói chuyện với Triện trên máy này.
    Trình duyệt tự chạy chương trình này; người dùng chỉ cần các lệnh sau.

    trien-extension-host install   [--browser chromium|chrome|edge|firefox] [--user | --system | --user-data-dir THƯ_MỤC]
    trien-extension-host uninstall [--browser chromium|chrome|edge|firefox] [--user | --system | --user-data-dir THƯ_MỤC]
    trien-extension-host --version
    trien-extension-host --help

    --browser        chỉ cho trình duyệt này; có thể lặp lại; nếu không có thì cho tất cả
    --user           cho người dùng hiện tại (mặc định)
    --system         cho mọi người dùng của máy; cần quyền quản trị
    --user-data-dir  cho một thư mục hồ sơ của Chromium, Chrome hoặc Edge
installed = Đã ghi { $path }
removed = Đã xóa { $path }
absent = Không có { $path }
misuse = Không hiểu tham số “{ $argument }”. Xem trien-extension-host --help.
no-home = Không biết thư mục cá nhân của người dùng. Hãy đặt biến HOME.
cannot-write = Không ghi được { $path }: { $reason }. Hãy kiểm tra quyền ghi thư mục.
cannot-remove = Không xóa được { $path }: { $reason }. Hãy kiểm tra quyền ghi thư mục.
no-program = Không biết chương trình này nằm ở đâu: { $reason }. Hãy cài đặt lại Triện.
too-large = Câu trả lời quá lớn nên trình duyệt không nhận được.
too-large-remedy = Hãy tải tài liệu về theo từng phần nhỏ hơn.
