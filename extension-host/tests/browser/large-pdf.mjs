// A large PDF: pages with a picture each, and of exactly so many bytes.
import { closeSync, openSync, statSync, writeSync } from "node:fs";

const PAGES = 500;
const WIDTH = 640;

/** Objects 1 and 2 are the catalogue and the page tree; each page has three: itself, what it draws, and its picture. */
const FIRST = 3;
const LAST = FIRST + 3 * PAGES;

/** Writes it; `size` is in bytes, a few MiB at least. */
export function writeLargePdf(path, size) {
  const file = openSync(path, "w");
  let at = 0;
  const offsets = [];
  const put = (bytes) => {
    const buffer = Buffer.from(bytes, "latin1");
    for (let done = 0; done < buffer.length;) done += writeSync(file, buffer, done);
    at += buffer.length;
  };
  const begin = (text) => {
    offsets.push(at);
    put(text);
  };
  const height = Math.floor(size / PAGES / WIDTH) - 3;
  const row = Buffer.from(Array.from({ length: WIDTH }, (_, index) => Math.imul(index, 2654435761) >>> 24));
  put("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n");
  begin("1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n");
  const kids = Array.from({ length: PAGES }, (_, page) => `${FIRST + 3 * page} 0 R`);
  begin(`2 0 obj\n<< /Type /Pages /Count ${PAGES} /Kids [${kids.join(" ")}] >>\nendobj\n`);
  for (let page = 0; page < PAGES; page += 1) {
    const [own, drawing, picture] = [0, 1, 2].map((part) => FIRST + 3 * page + part);
    begin(`${own} 0 obj\n<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents ${drawing} 0 R /Resources << /XObject << /P ${picture} 0 R >> >> >>\nendobj\n`);
    const content = "q 500 0 0 700 40 70 cm /P Do Q";
    begin(`${drawing} 0 obj\n<< /Length ${content.length} >>\nstream\n${content}\nendstream\nendobj\n`);
    const image = `/Type /XObject /Subtype /Image /Width ${WIDTH} /Height ${height} /ColorSpace /DeviceGray /BitsPerComponent 8`;
    begin(`${picture} 0 obj\n<< ${image} /Length ${WIDTH * height} >>\nstream\n`);
    const turned = (line) => [row.subarray((line + page) % WIDTH), row.subarray(0, (line + page) % WIDTH)];
    put(Buffer.concat(Array.from({ length: height }, (_, line) => turned(line)).flat()));
    put("\nendstream\nendobj\n");
  }
  // A stream that nobody refers to fills it up.
  const behind = "\nendstream\nendobj\n";
  const head = (length) => `${LAST} 0 obj\n<< /Length ${digits(length, 9)} >>\nstream\n`;
  const filling = size - at - head(0).length - behind.length - table(Array(LAST).fill(0), 0).length;
  begin(head(filling));
  put(Buffer.alloc(filling, " "));
  put(behind);
  put(table(offsets, at));
  closeSync(file);
  if (statSync(path).size !== size) throw new Error(`${statSync(path).size} bytes`);
}

const digits = (number, width) => String(number).padStart(width, "0");

/** Cross-reference table and trailer (ISO 32000-1, 7.5.4 and 7.5.5). */
function table(offsets, start) {
  const entries = offsets.map((offset) => `${digits(offset, 10)} 00000 n \n`).join("");
  return `xref\n0 ${LAST + 1}\n0000000000 65535 f \n${entries}trailer\n<< /Size ${LAST + 1} /Root 1 0 R >>\nstartxref\n${digits(start, 9)}\n%%EOF\n`;
}
