/** Whether a text for the log could contain a password. */
import type { Login } from "./contract.ts";

/** Looks for the password in every plain way of writing it: as it is, escaped, base64, hexadecimal. */
export function tellsPassword(text: string, { user, password }: Pick<Login, "user" | "password">): boolean {
  const forms = [
    password,
    encodeURIComponent(password.toWellFormed()),
    JSON.stringify(password).slice(1, -1),
    ...[password, `\0${user}\0${password}`, `${user}\0${user}\0${password}`].map((each) =>
      Buffer.from(each).toString("base64").replaceAll("=", ""),
    ),
    Buffer.from(password).toString("hex"),
  ].map((form) => form.toLowerCase());
  const folded = text.toLowerCase();
  return forms.some((form) => folded.includes(form));
}
