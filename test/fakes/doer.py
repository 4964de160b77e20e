"""A milter of python3-milter (libmilter) that does what the message asks for, and writes down what it was told.

Arguments: socket, file for the record. One JSON array a line: connection, event, values. A field `X-Do` of the message
is one step, taken at its end: add, insert, change, delete, body, addrcpt, delrcpt, from, quarantine, progress, sleep,
or a verdict. Local parts of addresses, names in HELO and fields `X-Now` are verdicts at their moment.
"""
import json
import sys
import time

import Milter

place, record = sys.argv[1:3]
out = open(record, "a", buffering=1)
verdicts = {
    "accept": Milter.ACCEPT,
    "reject": Milter.REJECT,
    "tempfail": Milter.TEMPFAIL,
    "discard": Milter.DISCARD,
}
count = 0


class Doer(Milter.Base):
    def note(self, event, *values):
        out.write(json.dumps([self.number, event, *values]) + "\n")

    def note_parameters(self, parameters):
        if parameters:
            self.note("parameters", " ".join(parameters))

    def symbols(self, *names):
        return {name: self.getsymval(name) for name in names if self.getsymval(name) is not None}

    def verdict(self, word):
        """Of a local part, a name in HELO, or a field."""
        if word.startswith("y550"):
            self.setreply("550", "5.7.9", "Not this one")
            return Milter.REJECT
        if word.startswith("y451"):
            self.setreply("451", "4.7.9", "Not now")
            return Milter.TEMPFAIL
        if word.startswith("lines"):
            self.setreply("550", "5.7.9", "First", "Second")
            return Milter.REJECT
        return verdicts.get(word, Milter.CONTINUE)

    def connect(self, host, family, address):
        global count
        count += 1
        self.number = count
        self.note("connect", host, list(address), self.symbols("j", "_", "v", "{daemon_name}", "{client_addr}"))
        return Milter.CONTINUE

    def hello(self, name):
        self.note("helo", name, self.symbols("{tls_version}", "{cipher}"))
        return self.verdict(name.split(".")[0])

    def envfrom(self, sender, *parameters):
        self.steps, self.bytes, self.skips = [], 0, False
        self.note("mail", sender, self.symbols("i", "{mail_addr}", "{auth_authen}", "{auth_type}"))
        self.note_parameters(parameters)
        return self.verdict(sender[1:].split("@")[0])

    def envrcpt(self, recipient, *parameters):
        self.note("rcpt", recipient, self.symbols("{rcpt_addr}"))
        self.note_parameters(parameters)
        return self.verdict(recipient[1:].split("@")[0])

    def data(self):
        self.note("data")
        return Milter.CONTINUE

    def header(self, name, value):
        self.note("header", name, value)
        if name == "X-Do":
            self.steps.append(value.split(" "))
        if name == "X-Skip":
            self.skips = True
        return self.verdict(value) if name == "X-Now" else Milter.CONTINUE

    def eoh(self):
        self.note("eoh")
        return Milter.CONTINUE

    def body(self, piece):
        self.bytes += len(piece)
        return Milter.SKIP if self.skips else Milter.CONTINUE

    def eom(self):
        self.note("eom", self.bytes)
        for word, *rest in self.steps:
            text = " ".join(rest)
            if word == "add":
                self.addheader(rest[0], " ".join(rest[1:]).replace("\\n", "\n"))
            elif word == "insert":
                self.addheader(rest[1], " ".join(rest[2:]), int(rest[0]))
            elif word == "change":
                self.chgheader(rest[0], int(rest[1]), " ".join(rest[2:]))
            elif word == "delete":
                self.chgheader(rest[0], int(rest[1]), "")
            elif word == "body":
                self.replacebody(text.replace("\\n", "\r\n").encode())
            elif word == "addrcpt":
                self.addrcpt(f"<{text}>")
            elif word == "delrcpt":
                self.delrcpt(f"<{text}>")
            elif word == "from":
                self.chgfrom(f"<{text}>")
            elif word == "quarantine":
                self.quarantine(text)
            elif word == "progress":
                self.progress()
            elif word == "sleep":
                time.sleep(float(text))
            else:
                return self.verdict(word)
        return Milter.CONTINUE

    def unknown(self, line):
        self.note("unknown", line)
        return Milter.CONTINUE

    def abort(self):
        self.note("abort")
        return Milter.CONTINUE

    def close(self):
        self.note("close")
        return Milter.CONTINUE


Milter.factory = Doer
Milter.set_flags(
    Milter.CHGBODY + Milter.CHGHDRS + Milter.ADDHDRS + Milter.ADDRCPT + Milter.DELRCPT + Milter.QUARANTINE + Milter.CHGFROM
)
Milter.runmilter("doer", place, 240)
