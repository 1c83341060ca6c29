# Chứng thư trước khi nhập mã PIN: không bị thu hồi theo dữ liệu ngày nào, và cần lưu ý gì. Cửa sổ xác nhận
# ($at = window) có chỗ riêng cho từng điều, dòng lệnh ($at = shell) nói mỗi điều một dòng.
before-pin-status = Không bị thu hồi, theo dữ liệu ngày { $day }
before-pin-status-since = { before-pin-status } ({ $days ->
    [0] hôm nay
    [1] hôm qua
   *[other] { $days } ngày trước
})
before-pin-expires-in = { $days ->
    [0] Chứng thư hết hạn trong hôm nay.
    [1] Chứng thư hết hạn vào ngày mai.
   *[other] Chứng thư còn { $days } ngày là hết hạn.
}
before-pin-expires = { $at ->
    [shell] Lưu ý: chứng thư số sắp hết hạn (còn { $days } ngày); hãy gia hạn với nhà cung cấp.
   *[window] Chứng thư sắp hết hạn (còn dưới 30 ngày).
}
before-pin-status-unknown = { $at ->
    [shell] Lưu ý: chưa kiểm tra được chứng thư số
   *[window] Chưa kiểm tra được chứng thư
} có bị thu hồi hay không.
before-pin-path-unknown = { $at ->
    [shell] Lưu ý: chưa
   *[window] Chưa
} tìm thấy đường dẫn tới một tổ chức chứng thực gốc được tin cậy.
before-pin-weak-algorithm = { $at ->
    [shell] Lưu ý: chứng thư số
   *[window] Chứng thư
} dùng thuật toán không còn được coi là an toàn (SHA-1, hoặc RSA dưới 2048 bit). Chữ ký có thể không được chấp nhận.
before-pin-software-token = { $at ->
    [shell] Lưu ý: khóa
   *[window] Khóa
} nằm trong phần mềm, không phải trên thiết bị lưu khóa đạt chuẩn.
before-pin-roca-key = { $at ->
    [shell] Lưu ý: khóa
   *[window] Khóa
} do một loại chip lỗi tạo ra (ROCA, CVE-2017-15361): người khác có thể tính ra được. Hãy đổi chứng thư số.
