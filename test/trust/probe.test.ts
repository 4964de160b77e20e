/** `goodmailto probe` against a real slapd: what it says of a good source, and of each kind of bad one. */
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { guessPreset } from "../../sync/presets/guess.ts";
import { presets } from "../../sync/presets/registry.ts";
import { noRootDse } from "../../sync/sources/root-dse.ts";
import { createAuthority } from "../fakes/certificates.ts";
import { missing } from "../fakes/need.ts";
import { type Slapd, startSlapd } from "../fakes/slapd.ts";
import { main } from "../program.ts";

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const people = Array.from(
  { length: 1000 },
  (_, i) =>
    `dn: uid=u${i},ou=${i < 500 ? "half" : "rest"},o=Kontor\nobjectClass: inetOrgPerson\nuid: u${i}\ncn: U\nsn: U\n` +
    `mail: u${i}@${i % 10 === 0 ? "elsewhere.example" : "kontor.example"}\n`,
);

describe("the guess of a preset", () => {
  it.each([
    ["active-directory", { marks: new Set(["1.2.840.113556.1.4.800"]) }, []],
    ["domino", { vendor: "HCL Technologies Domino LDAP Server" }, []],
    ["389ds", { vendor: "389 Project 389-Directory/2.4.5" }, []],
    ["openldap", { marks: new Set(["top", "openldaprootdse"]) }, ["inetOrgPerson"]],
    ["zimbra", { marks: new Set(["openldaprootdse"]) }, ["inetOrgPerson", "zimbraAccount"]],
    ["univention", { marks: new Set(["openldaprootdse"]) }, ["univentionMail"]],
    ["qmail-ldap", { marks: new Set(["openldaprootdse"]) }, ["qmailUser"]],
    ["active-directory", { vendor: "Samba Team (https://www.samba.org)" }, []],
    [undefined, { vendor: "Some Server 1.0" }, []],
  ])("is %s", (preset, rootDse, classes) => {
    expect(guessPreset({ ...noRootDse, ...rootDse }, classes)).toBe(preset);
  });

  it("knows every product by each of its signs, and nothing by no sign", () => {
    const words = Object.values(presets).flatMap(({ name, signs }) => [
      ...(signs?.classes ?? []).map((own) => [name, guessPreset(noRootDse, [own.toUpperCase()])]),
      ...(signs?.marks ?? []).map((mark) => [name, guessPreset({ ...noRootDse, marks: new Set([mark]) }, [])]),
    ]);
    expect(words.length).toBeGreaterThan(10);
    expect(words.filter(([name, guess]) => name !== guess)).toEqual([]);
    const unknown = Object.values(presets).filter(({ signs, shape }) => shape === "tree" && signs === undefined);
    expect(unknown.map(({ name }) => name)).toEqual(["generic"]);
    expect(guessPreset(noRootDse, ["inetOrgPerson"])).toBeUndefined();
  });
});

describe.skipIf(missing("slapd") || missing("openssl"))("goodmailto probe", { timeout: 90_000 }, () => {
  let slapd: Slapd;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "gmto-probe-"));
    const authority = await createAuthority(folder);
    const { certificate, key } = await authority.issue("server", "IP:127.0.0.1");
    slapd = await startSlapd({
      suffix: "o=Kontor",
      schemas: ["core", "cosine", "inetorgperson"],
      ldif: [
        "dn: o=Kontor\nobjectClass: organization\no: Kontor\n",
        ...["half", "rest", "none", "rooms"].map(
          (ou) => `dn: ou=${ou},o=Kontor\nobjectClass: organizationalUnit\nou: ${ou}\n`,
        ),
        ...people,
        "dn: uid=anna,ou=rooms,o=Kontor\nobjectClass: inetOrgPerson\ncn: A\nsn: A\nmail: anna@kontor.example\n",
        "dn: cn=saal,ou=rooms,o=Kontor\nobjectClass: device\nobjectClass: extensibleObject\nmail: saal@kontor.example\n",
        "dn: cn=fern,ou=rooms,o=Kontor\nobjectClass: device\nobjectClass: extensibleObject\nmail: fern@x.example\n",
      ].join("\n"),
      global: [`TLSCertificateFile ${certificate}`, `TLSCertificateKeyFile ${key}`, "sizelimit 700"],
      tls: true,
    });
    writeFileSync(join(folder, "password"), `${slapd.rootPassword}\n`);
  });
  afterAll(async () => {
    await slapd?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  function probe(source: string, ...words: string[]): Promise<Ended> {
    const config = join(folder, "goodmailto.toml");
    const text = `[domains]\nrelay = ["kontor.example"]\n[snapshot]\npath = "snapshot.sqlite"\n[[source]]\nname = "ldap"
type = "ldap"\nbase = "o=Kontor"\npage_size = 300\n${source}\n`;
    writeFileSync(config, text);
    return new Promise((resolve) => {
      execFile(
        process.execPath,
        [main, "probe", "-c", config, ...words],
        { timeout: 60_000 },
        (error, stdout, stderr) => {
          resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
        },
      );
    });
  }
  const asRoot = (): string => `bind_dn = "${slapd.rootDn}"\npassword_file = "password"\n`;

  it("tells the server, the classes, ten samples with their addresses, and writes nothing", async () => {
    const before = readdirSync(folder).length;
    const { code, stdout } = await probe(
      `url = ["${slapd.ldap}"]\npreset = "openldap"\n${asRoot()}`,
      "--base",
      "ou=rest,o=Kontor",
    );
    expect(stdout).toMatch(/server: .*pages offered; StartTLS offered/);
    expect(stdout).toContain("naming contexts: o=Kontor");
    expect(stdout).toContain("preset: openldap, as the server looks");
    expect(stdout).toMatch(/read: 500 entries, 450 addresses/);
    expect(stdout).toMatch(/ 500 inetOrgPerson/);
    expect(stdout.match(/^ {4}uid=u\d+,ou=rest,o=Kontor$/gm)).toHaveLength(10);
    expect(stdout).toMatch(/u\d+@kontor\.example \(account\)/);
    expect(stdout).toMatch(/WARNING: exactly 500 entries: this looks like a size limit/);
    expect(stdout).toMatch(
      /WARNING: 50 addresses are outside the relay domains of this source: elsewhere\.example \(50\)/,
    );
    expect(stdout).toMatch(/WARNING: no entry has the attribute "mail\w+"/i);
    expect(stdout).toMatch(/WARNING: the password .* in the clear; use ldaps:\/\/ or starttls/);
    expect(code).toBe(1);
    expect(readdirSync(folder).filter((name) => name !== "goodmailto.toml").length).toBe(before);
  });

  it("names the attribute that the server calls by another name", async () => {
    const words = `url = ["${slapd.ldap}"]\nfilter = "(uid=u1)"\nattributes = ["rfc822Mailbox"]\n`;
    expect((await probe(words)).stdout).toMatch(
      /WARNING: no entry has the attribute "rfc822mailbox": the server returns "mail" instead/,
    );
  });

  it("names object classes with addresses that the preset does not ask for", async () => {
    const words = `url = ["${slapd.ldap}"]\npreset = "openldap"\n${asRoot()}`;
    const { stdout } = await probe(words, "--base", "ou=rooms,o=Kontor");
    expect(stdout).toMatch(
      /WARNING: 1 entries with addresses .* such as "cn=saal,ou=rooms,o=Kontor", .* does not ask for: (device|extensibleObject) \(1\), (device|extensibleObject) \(1\)\. If/,
    );
    expect(stdout).toContain("read: 1 entries, 1 addresses");
    const own = await probe(`${words}resource_classes = ["device"]\n`, "--base", "ou=rooms,o=Kontor");
    expect(own.stdout).not.toMatch(/does not ask for/);
    expect(own.stdout).toContain("saal@kontor.example (resource)");
  });

  it("warns of success without an entry, and says where the server has its entries", async () => {
    const { code, stdout } = await probe(
      `url = ["${slapd.ldap}"]\n`,
      "--base",
      "ou=none,o=Kontor",
      "--filter",
      "(uid=*)",
    );
    expect(stdout).toMatch(/WARNING: success, and no entry: .*\(the server has o=Kontor\)/);
    expect(code).toBe(1);
  });

  it("says after how many entries a limit ended the list", async () => {
    const { code, stdout } = await probe(`url = ["${slapd.ldap}"]\nfilter = "(uid=*)"\n`);
    expect(stdout).toMatch(/WARNING: reading failed after 700 entries: .*result code 4/);
    expect(code).toBe(75);
  });

  it("tells of a preset that does not look like the server", async () => {
    const { stdout } = await probe(`url = ["${slapd.ldap}"]\nfilter = "(uid=u1)"\n`, "--preset", "generic");
    expect(stdout).toContain("the server looks like openldap");
    expect(stdout).toMatch(/WARNING: the server looks like preset "openldap"/);
  });

  it("shows the certificate, and what is wrong with it", async () => {
    const { code, stdout } = await probe(`url = ["${slapd.ldaps}"]\nfilter = "(uid=u1)"\n`);
    expect(stdout).toMatch(/certificate of ldaps:\S+: ".*" by ".*", until \d{4}-\d\d-\d\d/);
    expect(stdout).toMatch(/WARNING: reading failed: .* by "ca", .*ca_file/);
    // Once is enough.
    expect(stdout.match(/unknown authority/g)).toHaveLength(1);
    expect(code).toBe(75);
  });

  it("warns of a certificate that ends soon, and of nothing else where its authority is known", async () => {
    const { stdout } = await probe(`url = ["${slapd.ldaps}"]\nca_file = "ca.pem"\nfilter = "(uid=u1)"\n`);
    expect(stdout).toMatch(/WARNING: the certificate of ldaps:\S+ ends in 1 days/);
    expect(stdout).not.toMatch(/cannot be verified|reading failed/);
  });

  it("prints the same as JSON", async () => {
    const { stdout } = await probe(`url = ["${slapd.ldap}"]\nfilter = "(uid=u1)"\n`, "--json");
    expect(JSON.parse(stdout)).toMatchObject({
      sources: [{ source: "ldap", reading: { entries: 1, addresses: 1, classes: { inetOrgPerson: 1 } } }],
    });
  });

  it("refuses a source that is not there", async () => {
    expect(await probe(`url = ["${slapd.ldap}"]\n`, "nowhere")).toMatchObject({ code: 2 });
  });
});

describe("goodmailto probe of a file", { timeout: 60_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "gmto-probe-file-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function probe(source: string, file: string, ...words: string[]): Promise<Ended> {
    const config = join(folder, "goodmailto.toml");
    writeFileSync(join(folder, "file"), file);
    writeFileSync(
      config,
      `[domains]\nrelay = ["kontor.example"]\n[[source]]\nname = "file"\nurl = ["file"]\n${source}\n`,
    );
    return new Promise((resolve) => {
      execFile(
        process.execPath,
        [main, "probe", "-c", config, ...words],
        { timeout: 60_000 },
        (error, stdout, stderr) => {
          resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
        },
      );
    });
  }

  it("looks at the entries of an LDIF file, and warns of nothing where nothing is odd", async () => {
    const ldif =
      "dn: cn=a,o=k\nobjectClass: person\nmail: a@kontor.example, Bert <b@kontor.example>\n\n" +
      "dn: cn=Müller,o=k\nobjectClass: person\nmail: b b@kontor.example\n";
    const { code, stdout } = await probe('type = "ldif"\npreset = "generic"', ldif);
    expect(stdout).toContain("2 person\n");
    expect(stdout).toContain("entries by attribute: 2 mail\n");
    expect(stdout).toContain('left out: 1 malformed\n    mail "b b@kontor.example" of cn=Müller,o=k\n');
    expect(stdout).toContain("a@kontor.example (account), b@kontor.example (account)\n");
    expect(stdout).toContain("no warnings");
    expect(stdout).not.toContain("server:");
    expect(code).toBe(0);
    const json = await probe('type = "ldif"\npreset = "generic"', ldif, "--json");
    expect(JSON.parse(json.stdout)).toMatchObject({
      sources: [{ reading: { left: [{ attribute: "mail", value: "b b@kontor.example", why: "malformed" }] } }],
    });
  });

  it("speaks of the file, not of a bind DN, where it gives nothing", async () => {
    const { stdout } = await probe('type = "ldif"\npreset = "generic"', "dn: cn=a,o=k\ncn: a\n");
    expect(stdout).toContain("WARNING: no entry: the file is empty, or none of its entries fits base and filter\n");
    expect(stdout).not.toContain("bind DN");
    expect((await probe('type = "list"', "# nobody\n")).stdout).toContain("WARNING: no recipients: the file");
  });

  it("takes a list of 500 lines for what it is, and names the domains that are not ours", async () => {
    const lines = Array.from({ length: 499 }, (_, i) => `u${i}@kontor.example\n`).join("");
    expect(await probe('type = "list"', `${lines}one@kontor.example\n`)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("no warnings") as string,
    });
    const { code, stdout } = await probe('type = "list"', `${lines}one@Other.example\n`);
    expect(stdout).toContain("WARNING: 1 addresses are outside the relay domains of this source: other.example (1)");
    expect(code).toBe(1);
  });
});
