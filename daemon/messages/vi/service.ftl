# Vì sao dịch vụ không thể bắt đầu: điều gì đã xảy ra, và cần làm gì.

service-config = Không dùng được cấu hình: { $reason }
service-config-remedy = Hãy sửa tệp đó. Riêng config.toml của chính bạn thì có thể chuyển đi nơi khác để dùng lại mặc định; policy.toml là quy định của quản trị viên.
service-in-use = Dịch vụ của người dùng này đang chạy rồi.
service-in-use-remedy = Hãy dùng dịch vụ đang chạy, hoặc dừng nó trước.
service-session = Thư mục phiên làm việc { $folder } (XDG_RUNTIME_DIR) không có, hoặc không phải của riêng người dùng này (quyền 0700).
service-session-remedy = Hãy đăng nhập trực tiếp bằng người dùng này: su và sudo có thể để lại thư mục của người khác. Đừng xóa thư mục ấy: cả phiên làm việc đang dùng nó.
service-folder = Thư mục { $folder } không phải của riêng người dùng này.
service-folder-remedy = Hãy xóa thư mục đó, hoặc đặt chủ sở hữu là bạn và quyền 0700; rồi khởi động lại.
service-folder-unmade = Không tạo được thư mục "{ $file }" cho dịch vụ: { $reason }.
service-folder-unmade-remedy = Hãy cho phép ghi vào thư mục chứa nó, hoặc đặt TRIEN_HOME là một thư mục ghi được của riêng bạn.
service-socket-name = Đường dẫn của socket dài hơn mức hệ thống cho phép: "{ $file }".
service-socket-name-remedy = Hãy đặt TRIEN_HOME, hoặc XDG_RUNTIME_DIR nếu không dùng TRIEN_HOME, là thư mục có đường dẫn ngắn hơn.
service-audit = Không ghi được sổ ghi nhận việc ký: { $reason }
service-audit-remedy = Hãy giải phóng dung lượng đĩa và kiểm tra quyền của thư mục dữ liệu; không có sổ thì không ký gì cả.
service-system = Hệ thống từ chối một thứ mà dịch vụ cần: { $reason }
service-system-remedy = Hãy kiểm tra quyền của các thư mục của Triện và các giới hạn của người dùng này.
