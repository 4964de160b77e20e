import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { type Authority, createAuthority } from "../fakes/certificates.ts";
import { type Say, startScript } from "../fakes/ldap-script.ts";
import { missing } from "../fakes/need.ts";
import { type Slapd, startSlapd } from "../fakes/slapd.ts";
import { faultOf, readAll, source } from "./reading.ts";

const suffix = "o=Kontor";
const head = `dn: ${suffix}\nobjectClass: organization\no: Kontor\n\n`;

function people(count: number): string {
  const entries = Array.from({ length: count }, (_, number) => {
    const classes = ["top", "person", "organizationalPerson", "inetOrgPerson"].map((name) => `objectClass: ${name}`);
    const lines = [...classes, `cn: User ${number}`, "sn: User", `mail: user${number}@kontor.example`];
    return `dn: uid=user${number},${suffix}\n${lines.join("\n")}\nuid: user${number}\n`;
  });
  return `${entries.join("\n")}\n`;
}

const schemas = ["core", "cosine", "inetorgperson"];
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gmto-ldap-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe.skipIf(missing("slapd"))("slapd with limits and rights", () => {
  let slapd: Slapd;
  beforeAll(async () => {
    const peer = `gidNumber=${userInfo().gid}+uidNumber=${userInfo().uid},cn=peercred,cn=external,cn=auth`;
    slapd = await startSlapd({
      suffix,
      schemas,
      ldif: head + people(1200),
      database: [
        `limits dn.exact="${peer}" size=unlimited`,
        "sizelimit 500",
        `access to dn.base="${suffix}" by * read`,
        `access to * by dn.exact="${peer}" read by dn.regex="^uid=" read by anonymous auth`,
        `access to attrs=userPassword by anonymous auth`,
      ],
    });
    await writeFile(join(folder, "password"), `${slapd.rootPassword}\r\nsecond line\n`);
    await writeFile(join(folder, "wrong"), "sesame\n");
    await writeFile(join(folder, "empty"), "\nsecond line\n");
  });
  afterAll(() => slapd?.stop());

  const read = (settings: Parameters<typeof source>[0]): ReturnType<typeof source> =>
    source({ preset: "openldap", page_size: 200, base: suffix, ...settings }, undefined, folder);

  it("gives everything to the one whom no limit binds, over the local socket", async () => {
    const reading = await readAll(read({ url: [slapd.ldapi], bind_dn: "EXTERNAL" }));
    expect(reading.entries).toBe(1200);
    expect(reading.keys.size).toBe(1200);
  });

  it("gives everything to a simple bind", async () => {
    const reading = await readAll(read({ url: [slapd.ldap], bind_dn: slapd.rootDn, password_file: "password" }));
    expect(reading.entries).toBe(1200);
    expect(reading.batches).toBeGreaterThanOrEqual(6);
  });

  it("refuses a wrong password, and is asked once", async () => {
    const fault = await faultOf(read({ url: [slapd.ldap, slapd.ldap], bind_dn: slapd.rootDn, password_file: "wrong" }));
    expect(fault).toMatchObject({ reason: "bind", message: expect.stringMatching(/result code 49: [^:]+\)$/) });
    expect(fault.message).toContain(": bind_dn or the password is wrong)");
    expect(fault.message).not.toContain("sesame");
  });

  it("is not asked without a password", async () => {
    const empty = read({ url: [slapd.ldap], bind_dn: slapd.rootDn, password_file: "empty" });
    expect(await faultOf(empty)).toMatchObject({ reason: "bind" });
    expect(() => read({ url: [slapd.ldap], bind_dn: slapd.rootDn })).toThrow(RangeError);
  });

  it("is not asked when the password cannot be read", async () => {
    const fault = await faultOf(read({ url: [slapd.ldap], bind_dn: slapd.rootDn, password_file: "none" }));
    expect(fault).toMatchObject({ reason: "unreadable", message: expect.stringContaining("password_file") });
  });

  it("says success and gives nothing to a stranger: only the guard can tell", async () => {
    const { entries, found, hints } = await readAll(read({ url: [slapd.ldap] }));
    expect([entries, found]).toEqual([0, []]);
    expect(hints).toEqual([
      "success, and no entry: the bind DN has no right to read, or base or filter is wrong (the server has o=Kontor)",
    ]);
  });

  it("names the base when it is not there", async () => {
    const fault = await faultOf(read({ url: [slapd.ldapi], bind_dn: "EXTERNAL", base: "o=Nobody" }));
    expect(fault).toMatchObject({
      reason: "search",
      message: expect.stringMatching(/result code 32: base is not on this server, .*\(the server has o=Kontor\)/),
    });
  });
});

describe.skipIf(missing("slapd"))("slapd with a size limit of 500", () => {
  let slapd: Slapd;
  beforeAll(async () => {
    slapd = await startSlapd({ suffix, schemas, ldif: head + people(1200), database: ["sizelimit 500"] });
  });
  afterAll(() => slapd?.stop());

  for (const [page, page_size] of [
    ["first", 1000],
    ["third", 200],
  ] as const) {
    it(`ends the list on the ${page} page, which is a fault`, async () => {
      let entries = 0;
      const reading = async (): Promise<void> => {
        const limited = source({ preset: "openldap", url: [slapd.ldap], base: suffix, page_size });
        for await (const batch of limited.read(AbortSignal.timeout(10_000))) {
          // The other way to ask ends there, too.
          entries = batch.again === true ? 0 : entries + batch.entries;
        }
      };
      await expect(reading()).rejects.toMatchObject({
        reason: "incomplete",
        message: expect.stringContaining("result code 4"),
      });
      expect(entries).toBe(500);
    });
  }
});

describe.skipIf(missing("slapd"))("slapd that allows pages of 1500 entries", () => {
  let slapd: Slapd;
  beforeAll(async () => {
    const limits = "limits * size.soft=unlimited size.hard=unlimited size.pr=1500 size.prtotal=unlimited";
    slapd = await startSlapd({ suffix, schemas, ldif: head + people(2700), database: [limits] });
  });
  afterAll(() => slapd?.stop());

  it("is asked for smaller ones once it has refused a larger one", async () => {
    const found = new Set<string>();
    let entries = 0;
    const all = source({ preset: "openldap", url: [slapd.ldap], base: suffix, page_size: 10_000 });
    for await (const batch of all.read(AbortSignal.timeout(20_000))) {
      entries += batch.entries;
      batch.found.forEach(({ key }) => found.add(key));
    }
    expect({ entries, found: found.size }).toEqual({ entries: 2700, found: 2700 });
  });
});

describe.skipIf(missing("slapd"))("slapd that holds a reference", () => {
  let slapd: Slapd;
  beforeAll(async () => {
    const classes = "objectClass: referral\nobjectClass: extensibleObject";
    const reference = `dn: ou=Elsewhere,${suffix}\n${classes}\nou: Elsewhere\nref: ldap://other.example/ou=Elsewhere\n\n`;
    slapd = await startSlapd({ suffix, schemas, ldif: head + reference + people(30) });
  });
  afterAll(() => slapd?.stop());

  it("refers to another server for a part of the list", async () => {
    const fault = await faultOf(source({ preset: "openldap", url: [slapd.ldap], base: suffix, page_size: 10 }));
    expect(fault).toMatchObject({ reason: "referral", message: expect.stringContaining("other.example") });
  });

  it("refers to another server for the base", async () => {
    const base = `cn=x,ou=Elsewhere,${suffix}`;
    const fault = await faultOf(source({ preset: "openldap", url: [slapd.ldap], base }));
    expect(fault).toMatchObject({ reason: "referral", message: expect.stringContaining("result code 10") });
  });
});

describe.skipIf(missing("slapd") || missing("openssl"))("TLS", () => {
  let authority: Authority;
  let stranger: Authority;
  let numbered: Slapd;
  let named: Slapd;

  beforeAll(async () => {
    authority = await createAuthority(folder);
    stranger = await createAuthority(folder, "stranger");
    const start = async (name: string, names: string): Promise<Slapd> => {
      const { certificate, key } = await authority.issue(name, names);
      const files = [
        `TLSCACertificateFile ${authority.ca}`,
        `TLSCertificateFile ${certificate}`,
        `TLSCertificateKeyFile ${key}`,
      ];
      return startSlapd({ suffix, schemas, ldif: head + people(25), global: files, tls: true });
    };
    numbered = await start("numbered", "IP:127.0.0.1");
    named = await start("named", "DNS:localhost");
  });
  afterAll(async () => {
    await numbered?.stop();
    await named?.stop();
  });

  const read = (settings: Parameters<typeof source>[0]): ReturnType<typeof source> =>
    source({ preset: "openldap", base: suffix, page_size: 10, ca_file: "ca.pem", ...settings }, undefined, folder);
  const byName = (url: string): string => url.replace("127.0.0.1", "localhost");
  const byAddress = (url: string): string => url;
  const ways = {
    ldaps: (server: Slapd, by: typeof byName) => ({ url: [by(server.ldaps)] }),
    StartTLS: (server: Slapd, by: typeof byName) => ({ url: [by(server.ldap)], starttls: true }),
  };

  for (const [way, at] of Object.entries(ways)) {
    it(`reads by ${way} where CA and address are right`, async () => {
      expect((await readAll(read(at(numbered, byAddress)))).entries).toBe(25);
    });

    it(`reads by ${way} where CA and name are right`, async () => {
      expect((await readAll(read(at(named, byName)))).entries).toBe(25);
    });

    it(`refuses ${way} with a certificate for another name or address`, async () => {
      for (const settings of [at(named, byAddress), at(numbered, byName)]) {
        const fault = await faultOf(read(settings));
        expect(fault).toMatchObject({
          reason: "tls",
          message: expect.stringMatching(/the certificate is for .+ and not for "/),
        });
      }
    });

    it(`refuses ${way} with a certificate of another CA`, async () => {
      const settings = { ...at(named, byName), ca_file: stranger.ca };
      expect(await faultOf(read(settings))).toMatchObject({ reason: "tls" });
    });

    it(`refuses ${way} with a private CA where none is named`, async () => {
      expect(await faultOf(read({ ...at(named, byName), ca_file: "" }))).toMatchObject({ reason: "tls" });
    });
  }

  it("asks a server that will not have it nothing in the clear", async () => {
    const script = await startScript((question, say) => {
      if (question.kind === "extended") {
        say.extended(52);
      } else {
        say.bound(0);
      }
    });
    await writeFile(join(folder, "password"), "secret\n");
    const settings = { url: [script.url], starttls: true, bind_dn: "cn=relay", password_file: "password" };
    const fault = await faultOf(read(settings));
    expect(fault).toMatchObject({ reason: "tls", message: expect.stringContaining("refused StartTLS") });
    expect(script.asked).toEqual([{ kind: "extended", oid: "1.3.6.1.4.1.1466.20037" }]);
    await script.stop();
  });

  for (const [what, add] of Object.entries({
    "a message": (say: Say) => say.done(0, "", 2),
    "half a message": (say: Say) => say.raw(Buffer.from([0x30, 0x0c, 0x02])),
  })) {
    it(`goes on with nothing when ${what} follows the agreement in the clear`, async () => {
      const script = await startScript((_question, say) => {
        say.socket.cork();
        say.extended(0);
        add(say);
        say.socket.uncork();
      });
      const fault = await faultOf(read({ url: [script.url], starttls: true, timeout: 2000 }));
      expect(fault.message).toMatch(/plain text|not asked/);
      expect(script.asked.length).toBe(1);
      await script.stop();
    });
  }

  it("tells a TLS port that is spoken to in the clear, bound and anonymous, and a plain one of a real server", async () => {
    const asTls = named.ldaps.replace("ldaps:", "ldap:");
    await writeFile(join(folder, "password"), "secret\n");
    for (const bound of [{}, { bind_dn: "cn=relay", password_file: "password" }]) {
      const fault = await faultOf(read({ url: [asTls], timeout: 2000, ...bound }));
      expect(fault).toMatchObject({
        reason: "tls",
        message: expect.stringContaining("this port uses TLS: use ldaps"),
      });
    }
    const asPlain = named.ldap.replace("ldap:", "ldaps:");
    expect((await faultOf(read({ url: [asPlain], timeout: 2000 }))).message).toContain("uses LDAP without TLS");
  });

  it("tells a wrong name from an unknown authority, with both names", async () => {
    const wrongName = await faultOf(read({ url: [byName(numbered.ldaps)] }));
    expect(wrongName.message).toMatch(/the certificate is for IP Address:127\.0\.0\.1 and not for "localhost"/);
    for (const settings of [{ url: [byName(named.ldaps)] }, { url: [byName(named.ldap)], starttls: true }]) {
      const unknown = await faultOf(read({ ...settings, ca_file: "" }));
      expect(unknown.message).toMatch(/the certificate of "named" is by "ca", which is an unknown authority/);
    }
  });

  it("does not begin with a plain server on an ldaps port", async () => {
    const script = await startScript((_question, say) => say.bound(0));
    const url = script.url.replace("ldap:", "ldaps:");
    await writeFile(join(folder, "password"), "secret\n");
    const bound = { bind_dn: "cn=relay", password_file: "password" };
    expect(await faultOf(read({ url: [url], timeout: 2000, ...bound }))).toMatchObject({
      reason: "tls",
      message: expect.stringContaining("this port uses LDAP without TLS"),
    });
    // Not even the bind: a search for nothing, which is how the port is told.
    expect(script.asked).toMatchObject([{ kind: "search", base: "", scope: "base", attributes: ["1.1"] }]);
    await script.stop();
  });

  it("gives up a server that goes silent within the handshake", async () => {
    const script = await startScript((_question, say) => {
      say.extended(0);
      say.socket.removeAllListeners("data").resume();
    });
    expect(await faultOf(read({ url: [script.url], starttls: true, timeout: 300 }))).toMatchObject({
      reason: "timeout",
    });
    await script.stop();
  });

  it("names the file when the CA cannot be read", async () => {
    const fault = await faultOf(read({ url: [named.ldaps], ca_file: "none.pem" }));
    expect(fault).toMatchObject({ reason: "unreadable", message: expect.stringContaining("ca_file") });
  });
});

describe("settings that cannot be right", () => {
  const wrong: Record<string, Parameters<typeof source>[0]> = {
    "a URL with a search base": { url: ["ldap://127.0.0.1/o=Kontor"] },
    "a port that is none": { url: ["ldap://127.0.0.1:99999"] },
    "a filter that is none": { url: ["ldap://127.0.0.1"], filter: "(mail=*" },
    "StartTLS without ldap://": { url: ["ldaps://127.0.0.1"], starttls: true },
    "TLS and plain servers mixed": { url: ["ldaps://127.0.0.1", "ldap://127.0.0.1"] },
    "a password without a name": { url: ["ldap://127.0.0.1"], password_file: "password" },
    "a domain that is not ours": { url: ["ldap://127.0.0.1"], domains: ["other.example"] },
  };
  for (const [what, settings] of Object.entries(wrong)) {
    it(`are refused before anything is asked: ${what}`, () => {
      expect(() => source(settings)).toThrow(RangeError);
      expect(() => source(settings)).toThrow(/^source "test": /);
    });
  }
});
