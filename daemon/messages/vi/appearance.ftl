# Nội dung của chữ ký nhìn thấy được (Nghị định 30/2020/NĐ-CP, Phụ lục I).

appearance-signer = Ký bởi: { $value }
appearance-organization = Cơ quan, tổ chức: { $value }
appearance-reason = Lý do: { $value }
appearance-time = Ngày ký: { $value }
