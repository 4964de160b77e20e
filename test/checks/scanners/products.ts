/**
 * Small programs that print what the products of the presets printed, for a file with the word VIRUS in it, and what
 * they printed for a clean one. `exit N` in the file ends them with that code, `sleep` makes them hang.
 */

const head = `#!/bin/sh
for file; do :; done
[ -r "$file" ] || { echo "cannot read $file" >&2; exit 99; }
code=$(sed -n 's/^exit \\([0-9]*\\).*/\\1/p' "$file")
grep -q ^sleep "$file" && { echo $$ >"$0.pid"; sleep 30 & wait; }
grep -q ^crash "$file" && kill -SEGV $$
grep -q ^flood "$file" && yes
grep -q VIRUS "$file"; clean=$?
`;

const bodies = {
  aveclient: `echo "scanning file"
[ $clean = 0 ] || exit \${code:-0}
echo "LINK EICAR-Test-File"; echo "LINK Worm.B"; exit \${code:-4}`,
  bitdefender: `echo "BDC/Linux-Console v7.0"; echo "$file ok"
[ $clean = 0 ] && echo "$file=>(part 2)  infected: EICAR-Test-File (not a virus)"
exit \${code:-0}`,
  hbedv: `echo "AntiVir / Linux Version 2.1"
[ $clean = 0 ] || exit \${code:-0}
echo "ALERT: [Eicar-Test-Signature virus] $file <<< Contains signature"
echo "ALERT: [Worm/Klez.H worm] $file <<< Contains signature"
echo "ALERT: [Worm/Klez.H worm] $file <<< again"
exit \${code:-1}`,
  kavscanner: `echo "Kaspersky Anti-Virus"
[ $clean = 0 ] || exit \${code:-0}
echo "$file/a infected: EICAR-Test-File"; echo "$file/b suspicion: Type_Trojan"; exit \${code:-4}`,
  uvscan: `grep -q ^locked "$file" && { echo "$file is password-protected."; exit 6; }
[ $clean = 0 ] || exit \${code:-0}
echo "$file"; echo "        Found the EICAR test file NOT a virus."; exit \${code:-13}`,
  custom: `[ $clean = 0 ] || exit \${code:-0}
echo "threat='Test.Threat' action=''"; exit \${code:-50}`,
} as const;

export type Product = keyof typeof bodies;

export const productNames = Object.keys(bodies) as readonly Product[];

/** The program of a product. */
export function productScript(product: Product): { readonly text: string; readonly mode: number } {
  return { text: `${head}${bodies[product]}\n`, mode: 0o755 };
}
