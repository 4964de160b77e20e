/** Certificates of a private CA, made by openssl when a test needs them. */
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface Authority {
  /** The CA's certificate, a PEM file. */
  readonly ca: string;
  /**
   * A certificate with its key, both PEM files.
   * @param names as in subjectAltName: "DNS:localhost,IP:127.0.0.1"
   */
  issue(name: string, names: string): Promise<{ readonly certificate: string; readonly key: string }>;
}

/** A CA whose files lie in the folder. */
export async function createAuthority(folder: string, name = "ca"): Promise<Authority> {
  const openssl = (...words: string[]): Promise<unknown> => run("openssl", words, { cwd: folder });
  const fresh = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  const ca = join(folder, `${name}.pem`);
  const caKey = join(folder, `${name}.key`);
  await openssl("req", "-x509", ...fresh, "-keyout", caKey, "-out", ca, "-subj", `/CN=${name}`, "-days", "2");
  return {
    ca,
    async issue(subject, names) {
      const [key, request, certificate, extensions] = ["key", "csr", "pem", "ext"].map((kind) =>
        join(folder, `${subject}.${kind}`),
      ) as [string, string, string, string];
      await openssl("req", ...fresh, "-keyout", key, "-out", request, "-subj", `/CN=${subject}`);
      await writeFile(extensions, `subjectAltName=${names}\n`);
      const signer = ["-CA", ca, "-CAkey", caKey, "-CAcreateserial"];
      await openssl(
        "x509",
        "-req",
        "-in",
        request,
        "-out",
        certificate,
        ...signer,
        "-days",
        "2",
        "-extfile",
        extensions,
      );
      return { certificate, key };
    },
  };
}
