/** Both from one bundle, so that the error a test throws is the error the session knows. */
export { WebEidSession } from "../src/web-eid/session.ts";
export { TrienError } from "../../sdk/src/error.ts";
