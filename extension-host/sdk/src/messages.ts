/** Texts for people, for errors that never reach the daemon. The daemon brings the texts of its own errors. */

import type { Bilingual } from "./protocol.ts";

interface Text {
  message: Bilingual;
  remedy: Bilingual;
}

export const messages = {
  not_installed: {
    message: {
      vi: "Máy tính này chưa cài Triện, hoặc trang này chưa được phép dùng Triện.",
      en: "Triện is not installed on this computer, or this site is not permitted to use it.",
    },
    remedy: {
      vi: "Hãy cài Triện và tiện ích Triện cho trình duyệt rồi thử lại. Nếu đã cài, hãy mở Triện rồi bấm nút ký trên trang: Triện sẽ hỏi bạn có cho phép trang này không.",
      en: "Install Triện and its browser extension, then try again. If it is installed, start it and press the page's button: Triện will ask you whether this site may use it.",
    },
  },
  not_running: {
    message: { vi: "Triện đã được cài nhưng chưa chạy.", en: "Triện is installed but not running." },
    remedy: {
      vi: "Hãy khởi động Triện (trên Linux, để Triện chạy ngay và mỗi lần đăng nhập: systemctl --user enable --now trien) rồi thử lại.",
      en: "Start Triện (on Linux, now and at each login: systemctl --user enable --now trien), then try again.",
    },
  },
  outdated: {
    message: {
      vi: "Phiên bản Triện trên máy này không hợp với trang.",
      en: "The version of Triện on this computer does not suit this page.",
    },
    remedy: {
      vi: "Hãy cập nhật Triện và tiện ích Triện của trình duyệt rồi thử lại.",
      en: "Update Triện and its browser extension, then try again.",
    },
  },
  blocked_by_browser: {
    message: {
      vi: "Trình duyệt chặn trang này kết nối với Triện.",
      en: "The browser keeps this page from talking to Triện.",
    },
    remedy: {
      vi: "Hãy cài tiện ích Triện cho trình duyệt, hoặc cho phép trang “truy cập vào các ứng dụng trên thiết bị này” trong phần quyền của trang rồi thử lại.",
      en: "Install Triện's browser extension, or permit this site to “access other apps and services on this device” in the site's settings, then try again.",
    },
  },
  closed: {
    message: { vi: "Mất kết nối với Triện.", en: "The connection to Triện was lost." },
    remedy: {
      vi: "Hãy kiểm tra Triện còn chạy rồi làm lại.",
      en: "Check that Triện is still running, then do it again.",
    },
  },
  cancelled: {
    message: { vi: "Yêu cầu đã bị hủy.", en: "The request was cancelled." },
    remedy: { vi: "Hãy làm lại khi bạn sẵn sàng.", en: "Do it again when you are ready." },
  },
  timed_out: {
    message: { vi: "Triện không trả lời kịp.", en: "Triện did not answer in time." },
    remedy: {
      vi: "Hãy kiểm tra Triện có đang chờ bạn trả lời không rồi thử lại.",
      en: "Check whether Triện is waiting for your answer, then try again.",
    },
  },
  busy: {
    message: {
      vi: "Trang này hỏi Triện quá nhiều lần trong thời gian ngắn.",
      en: "This page asks Triện too often in a short time.",
    },
    remedy: { vi: "Hãy đợi vài giây rồi thử lại.", en: "Wait a few seconds, then try again." },
  },
  too_large: {
    message: { vi: "Tài liệu quá lớn.", en: "The document is too large." },
    remedy: { vi: "Hãy chia tài liệu thành các phần nhỏ hơn.", en: "Split the document into smaller parts." },
  },
  document_unreadable: {
    message: { vi: "Trang không đọc được tài liệu.", en: "The page cannot read the document." },
    remedy: {
      vi: "Hãy chọn lại tệp; có thể tệp đã bị thay đổi hoặc xóa sau khi chọn.",
      en: "Choose the file again; it may have been changed or deleted since.",
    },
  },
  internal: {
    message: { vi: "Triện trả lời không đúng quy ước.", en: "Triện gave an answer that makes no sense." },
    remedy: {
      vi: "Hãy thử lại; nếu vẫn lỗi, hãy cập nhật Triện.",
      en: "Try again; if it happens again, update Triện.",
    },
  },
} satisfies Record<string, Text>;

/** A page that has as many sessions open as it may. Waiting alone does not help. */
export const crowded: Text = {
  message: {
    vi: "Trang này đang mở quá nhiều kết nối với Triện.",
    en: "This page has too many connections to Triện open.",
  },
  remedy: {
    vi: "Hãy đóng bớt những phần của trang đang dùng Triện, hoặc tải lại trang rồi thử lại.",
    en: "Close other parts of the page that use Triện, or load the page again, then try again.",
  },
};

/** What to do about a browser that stands in between. */
export const remedies = {
  permission: {
    vi: "Hãy trả lời “Cho phép” khi trình duyệt hỏi về việc truy cập vào các ứng dụng trên thiết bị này. Nếu đã chặn, hãy mở phần quyền của trang (biểu tượng bên trái địa chỉ), cho phép rồi thử lại; hoặc cài tiện ích Triện.",
    en: "Answer “Allow” when the browser asks about apps and services on this device. If it is blocked, open the site's permissions (the icon left of the address), allow it and try again; or install Triện's browser extension.",
  },
  frame: {
    vi: "Trang này nằm trong trang của một trang web khác. Hãy mở trang trong một thẻ riêng hoặc cài tiện ích Triện; đơn vị vận hành cổng: xem “framed” và allow=\"loopback-network\" của iframe.",
    en: "This page is inside another site's page. Open it in a tab of its own, or install Triện's browser extension; for the portal's operator: see “framed”, and the iframe's allow=\"loopback-network\".",
  },
  click: {
    vi: "Hãy bấm nút ký trên trang; trang chỉ được kết nối với Triện sau khi bạn yêu cầu.",
    en: "Press the page's button to sign; a page may connect to Triện only after you ask for it.",
  },
  policy: {
    vi: "Hãy cài tiện ích Triện, hoặc báo cho đơn vị vận hành cổng: chính sách nội dung (CSP) của trang chưa cho kết nối ws://127.0.0.1:47470.",
    en: "Install Triện's browser extension, or tell the portal's operator: the page's Content Security Policy lacks ws://127.0.0.1:47470 in connect-src.",
  },
  insecure: {
    vi: "Hãy mở trang bằng địa chỉ bắt đầu với https:// rồi thử lại.",
    en: "Open the page at an address that begins with https:// and try again.",
  },
} satisfies Record<string, Bilingual>;
