/** What the options page says, in both languages. */

export type Language = "vi" | "en";

type Both = Record<Language, string>;

export const texts = {
  title: { vi: "Triện – tùy chọn của tiện ích", en: "Triện – extension options" },
  program: { vi: "Chương trình Triện trên máy này", en: "Triện on this computer" },
  looking: { vi: "Đang kiểm tra…", en: "Checking…" },
  well: { vi: "Triện đã cài và đang chạy.", en: "Triện is installed and running." },
  again: { vi: "Kiểm tra lại", en: "Check again" },
  version: { vi: "Phiên bản tiện ích:", en: "Version of the extension:" },
  sites: { vi: "Trang web được phép", en: "Sites with a permission" },
  "sites-explained": {
    vi: "Các trang đã dùng Triện bằng trình duyệt này và hiện còn quyền. Mỗi lần ký Triện vẫn hỏi bạn trong cửa sổ riêng. Xem mọi quyền hoặc thu hồi: trien origin list, trien origin revoke.",
    en: "Sites that have used Triện in this browser and still have a permission. Triện asks you in its own window for each signature all the same. To see every permission or take one back: trien origin list, trien origin revoke.",
  },
  none: { vi: "Chưa có trang nào.", en: "There is none yet." },
  "sites-unreadable": {
    vi: "Trình duyệt không cho tiện ích đọc những gì nó đã ghi nhớ. Hãy khởi động lại trình duyệt rồi kiểm tra lại.",
    en: "The browser does not let the extension read what it has remembered. Start the browser again, then check again.",
  },
  unsaved: { vi: "Trình duyệt không ghi được lựa chọn này. Hãy thử lại.", en: "The browser could not save this choice. Try again." },
  until: { vi: "đến", en: "until" },
  "no-end": { vi: "không thời hạn", en: "without an end" },
  "scopes-unknown": { vi: "Không hỏi được Triện trang này được làm gì.", en: "Triện cannot be asked what this site may do." },
  "web-eid": { vi: "Trả lời trang này khi nó dùng thư viện Web eID", en: "Answer this site when it uses the Web eID library" },
  "web-eid-fixed": {
    vi: "Không trả lời trang này khi nó dùng thư viện Web eID (quản trị viên đã đặt)",
    en: "Do not answer this site when it uses the Web eID library (set by your administrator)",
  },
} satisfies Record<string, Both>;

export type TextKey = keyof typeof texts;

/** The daemon's scopes, by name. */
export const scopeNames: Record<string, Both> = {
  certificates: { vi: "xem một chứng thư", en: "see a certificate" },
  sign_in: { vi: "đề nghị đăng nhập", en: "ask you to sign in" },
  sign: { vi: "xin ký tài liệu", en: "ask for signatures on documents" },
  batch: { vi: "xin ký nhiều tài liệu một lần", en: "ask for several signatures at once" },
  verify: { vi: "kiểm tra chữ ký", en: "check signatures" },
  blind_digest: { vi: "xin ký giá trị băm", en: "ask for signatures on bare digests" },
};
