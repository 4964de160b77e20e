/** A checkpassword program: a shell script that compares with a file, and an empty place when it is unavailable. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { StageBuilder } from "../stage.ts";

/** Reads "user NUL password NUL" as hexadecimal digits, and looks for them as a line of the list. */
const script = (folder: string): string => `#!/bin/sh
[ -e '${folder}/hang' ] && exec sleep 600
said=$(head -c 4096 <&3 | od -An -v -tx1 | tr -d ' \\n')
while read -r line; do
  case $said in "$line"*) exit 0 ;; esac
done < '${folder}/list'
exit 1
`;

export const stage: StageBuilder = {
  isMissing: () => false,
  build(users) {
    const folder = mkdtempSync(join(tmpdir(), "goodmailto-command-"));
    const [program, hung] = [join(folder, "program"), join(folder, "hang")];
    const lines = [...users].map(([user, password]) => Buffer.from(`${user}\0${password}\0`).toString("hex"));
    writeFileSync(join(folder, "list"), `${lines.join("\n")}\n`);
    writeFileSync(program, script(folder), { mode: 0o755 });
    let isAway = false;
    return Promise.resolve({
      settings: { command: [program] },
      leave: async () => {
        renameSync(program, `${program}.away`);
        isAway = true;
      },
      hang: async () => writeFileSync(hung, ""),
      comeBack: async () => {
        rmSync(hung, { force: true });
        if (isAway) {
          renameSync(`${program}.away`, program);
          isAway = false;
        }
      },
      close: async () => rmSync(folder, { recursive: true, force: true }),
    });
  },
};
