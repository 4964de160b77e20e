/** vpopmail's table with the users of a stage: one by each kind of hash, and one by its clear password alone. */
import { hashSync } from "bcryptjs";
import { encrypt } from "unixcrypt";

import { md5Crypt } from "../../../src/auth/backends/md5-crypt.ts";

/** The columns that the default query reads. */
export const vpopmailTable =
  "CREATE TABLE vpopmail (pw_name CHAR(32) NOT NULL, pw_domain CHAR(96) NOT NULL, pw_passwd VARCHAR(255), pw_clear_passwd VARCHAR(255), PRIMARY KEY (pw_name, pw_domain))";

/** name, domain, hash, clear password */
export function vpopmailRows(users: ReadonlyMap<string, string>): (string | null)[][] {
  return [...users].map(([user, password], i) => {
    const [name = "", domain = ""] = user.split("@");
    const kinds: readonly (string | null)[][] = [
      [md5Crypt(password, "abcdefgh"), null],
      [encrypt(password, "$6$rounds=1000$saltsalt"), ""],
      [hashSync(password, 4), null],
      [null, password],
    ];
    return [name, domain, ...(kinds[i % kinds.length] ?? [])];
  });
}
