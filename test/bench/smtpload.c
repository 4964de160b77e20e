/*
 * smtpload - SMTP load generator and reference server, loopback only.
 *
 *   smtpload reject|mixed|session|deliver|idle [options]   (client)
 *   smtpload serve [options]                               (server / next-hop sink)
 *
 * One epoll thread, no dependencies beyond libc on Linux. See docs/performance.md.
 * Build: cc -O2 -Wall -Wextra -o smtpload smtpload.c
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

#define MAXEV 512
#define RBUF 16384

typedef uint64_t u64;
typedef uint32_t u32;

static void die(const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  fprintf(stderr, "smtpload: ");
  vfprintf(stderr, fmt, ap);
  fputc('\n', stderr);
  va_end(ap);
  exit(2);
}

static u64 now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (u64)t.tv_sec * 1000000000ull + (u64)t.tv_nsec;
}

static u64 rng_state = 0x9e3779b97f4a7c15ull;
static u64 rng(void) { /* splitmix64 */
  u64 z = (rng_state += 0x9e3779b97f4a7c15ull);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

#define FNV0 0xcbf29ce484222325ull
static u64 fnv(u64 h, const char *p, size_t n) {
  for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)p[i]) * 0x100000001b3ull;
  return h;
}

/* ---------------------------------------------------------------- options */

enum mode { M_REJECT, M_MIXED, M_SESSION, M_DELIVER, M_IDLE, M_SERVE };

static struct {
  enum mode mode;
  const char *mode_name, *host, *helo, *from, *domain, *valid_file, *label;
  int port, conc, rcpts, tx_per_conn, known_pct, binds, size, dot_every, probes, delay_ms;
  int unknown_code, backlog;
  long total;
  double seconds, warmup, rate, timeout;
  bool pipeline, verify, no_rset, idle_helo;
  int pids[64], npids;
} o = {.host = "127.0.0.1", .helo = "client.example.net", .from = "sender@example.net",
       .domain = "example.com", .port = 2525, .conc = 20, .rcpts = 10, .tx_per_conn = 20,
       .known_pct = 20, .binds = 1, .size = 4096, .dot_every = 50, .probes = 200, .unknown_code = 550,
       .backlog = 4096, .timeout = 30, .idle_helo = true, .label = ""};

static int num_errors; /* violations of the expected protocol */

/* --------------------------------------------------- list of known addresses */

static char **known;
static size_t nknown;
static u32 *kset; /* open addressing, index+1 into known */
static size_t kmask;

static u64 addr_hash(const char *s, size_t n) {
  u64 h = FNV0;
  for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)tolower((unsigned char)s[i])) * 0x100000001b3ull;
  return h ^ (h >> 29);
}

static bool is_known(const char *s, size_t n) {
  for (size_t i = addr_hash(s, n) & kmask;; i = (i + 1) & kmask) {
    if (!kset[i]) return false;
    const char *k = known[kset[i] - 1];
    if (strlen(k) == n && !strncasecmp(k, s, n)) return true;
  }
}

static void load_known(const char *file, bool want_set) {
  FILE *f = fopen(file, "r");
  if (!f) die("%s: %s", file, strerror(errno));
  size_t cap = 0;
  char line[1024];
  while (fgets(line, sizeof line, f)) {
    line[strcspn(line, " \t\r\n")] = 0;
    if (!line[0]) continue;
    if (nknown == cap) {
      cap = cap ? cap * 2 : 1024;
      if (!(known = realloc(known, cap * sizeof *known))) die("out of memory");
    }
    known[nknown++] = strdup(line);
  }
  fclose(f);
  if (!nknown) die("%s: no addresses", file);
  if (!want_set) return;
  for (kmask = 1; kmask < nknown * 2; kmask <<= 1) {}
  kset = calloc(kmask--, sizeof *kset);
  for (size_t n = 0; n < nknown; n++) {
    size_t i = addr_hash(known[n], strlen(known[n])) & kmask;
    while (kset[i]) i = (i + 1) & kmask;
    kset[i] = (u32)n + 1;
  }
}

/* ------------------------------------------- CPU and memory of the server's tree */

struct usage { double cpu; long rss_kb, pss_kb; int procs; };

static struct usage tree_usage(bool mem) {
  static struct { int pid, ppid; u64 t, ct; bool in; } ps[65536];
  struct usage u = {0};
  int n = 0;
  if (!o.npids) return u;
  DIR *d = opendir("/proc");
  struct dirent *e;
  while (d && (e = readdir(d)) && n < 65536) {
    if (!isdigit((unsigned char)e->d_name[0])) continue;
    char path[64], buf[1024];
    snprintf(path, sizeof path, "/proc/%.16s/stat", e->d_name);
    int fd = open(path, O_RDONLY);
    if (fd < 0) continue;
    ssize_t r = read(fd, buf, sizeof buf - 1);
    close(fd);
    if (r <= 0) continue;
    buf[r] = 0;
    char *p = strrchr(buf, ')');
    unsigned long ut, st;
    long cut, cst;
    int ppid;
    if (!p || sscanf(p + 2, "%*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld", &ppid, &ut, &st, &cut, &cst) != 5) continue;
    ps[n].pid = atoi(e->d_name);
    ps[n].ppid = ppid;
    ps[n].t = ut + st;
    ps[n].ct = (u64)(cut + cst);
    ps[n].in = false;
    for (int i = 0; i < o.npids; i++) ps[n].in |= ps[n].pid == o.pids[i];
    n++;
  }
  if (d) closedir(d);
  for (bool more = true; more;) {
    more = false;
    for (int i = 0; i < n; i++)
      if (!ps[i].in)
        for (int j = 0; j < n; j++)
          if (ps[j].in && ps[i].ppid == ps[j].pid) { ps[i].in = more = true; break; }
  }
  u64 ticks = 0;
  for (int i = 0; i < n; i++) {
    if (!ps[i].in) continue;
    ticks += ps[i].t + ps[i].ct;
    u.procs++;
    if (!mem) continue;
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", ps[i].pid);
    FILE *f = fopen(path, "r");
    long v;
    while (f && fgets(line, sizeof line, f)) {
      if (sscanf(line, "Rss: %ld", &v) == 1) u.rss_kb += v;
      if (sscanf(line, "Pss: %ld", &v) == 1) u.pss_kb += v;
    }
    if (f) fclose(f);
  }
  u.cpu = (double)ticks / (double)sysconf(_SC_CLK_TCK);
  return u;
}

static double self_cpu(void) {
  struct rusage r;
  getrusage(RUSAGE_SELF, &r);
  return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) + (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

/* ------------------------------------------------------------------- samples */

struct samples { u32 *v; size_t n, cap; }; /* tenths of a microsecond */
static struct samples lat;     /* the mode's operation */
static struct samples verdict; /* session: from connecting to the answer to RCPT */

static void sample(struct samples *s, u64 ns) {
  if (s->n == s->cap) {
    s->cap = s->cap ? s->cap * 2 : 1 << 16;
    if (!(s->v = realloc(s->v, s->cap * sizeof *s->v))) die("out of memory");
  }
  u64 t = ns / 100;
  s->v[s->n++] = t > UINT32_MAX ? UINT32_MAX : (u32)t;
}
static int cmp_u32(const void *a, const void *b) {
  u32 x = *(const u32 *)a, y = *(const u32 *)b;
  return x < y ? -1 : x > y;
}
static double pct(const struct samples *s, double p) { /* ms; must be sorted */
  if (!s->n) return 0;
  size_t i = (size_t)(p * (double)(s->n - 1) + 0.5);
  return (double)s->v[i] / 1e4;
}

/* ------------------------------------------------------------------- client */

enum kind { K_BANNER, K_EHLO, K_MAIL, K_UNKNOWN, K_KNOWN, K_RSET, K_DATA, K_DOT, K_QUIT, K_N };
static const char *kind_name[] = {"banner", "ehlo", "mail", "rcpt_unknown", "rcpt_known", "rset", "data", "dot", "quit"};
enum phase { P_CONNECT, P_MAIL, P_RCPT, P_END, P_IDLE, P_CLOSED };

struct exp { u64 t; unsigned char kind; };
struct conn {
  int fd, idx;
  enum phase ph;
  bool pipe_ok, rcpt_ok, quitting, want_out;
  bool waiting;            /* for its turn: see --rate */
  int tx, rcpt;            /* transactions done on this connection, RCPTs sent in this one */
  struct exp *q;           /* ring of replies awaited */
  u32 qh, qt, qmask;
  u64 t_open, t_tx;
  char *rb;
  size_t rl;
  char *ob;
  size_t ol, oo, oc;
};

static int ep;
static struct conn *conns;
static int live, idle_ready;
static struct sockaddr_in peer;
static u64 t_start, t_measure, t_last, t_stop;
static bool measuring, stopping;
static long issued, done_ops, done_conns, drops, connect_fail, timeouts;
static u64 codes[K_N][1000];
static u64 bytes_out;
static struct usage u0, u1;
static double self0, self1;
static u64 seq;
static char *body;         /* one prepared body, dot-stuffed, ending in CRLF.CRLF */
static size_t body_len;
static char body_hdr[128];

static void violation(const char *what, int code, const char *text) {
  if (++num_errors <= 5) fprintf(stderr, "smtpload: unexpected reply to %s: %d %.80s\n", what, code, text);
}

static void out(struct conn *c, const char *p, size_t n) {
  if (c->ol + n > c->oc) {
    while (c->ol + n > c->oc) c->oc = c->oc ? c->oc * 2 : 1024;
    if (!(c->ob = realloc(c->ob, c->oc))) die("out of memory");
  }
  memcpy(c->ob + c->ol, p, n);
  c->ol += n;
}
static void outs(struct conn *c, const char *p) { out(c, p, strlen(p)); }

static void expect(struct conn *c, enum kind k, u64 t) {
  if (c->qt - c->qh > c->qmask) die("internal: reply ring full");
  c->q[c->qt & c->qmask] = (struct exp){t, (unsigned char)k};
  c->qt++;
}

static void want(struct conn *c, bool w) {
  if (w == c->want_out) return;
  c->want_out = w;
  struct epoll_event ev = {.events = EPOLLIN | (w ? EPOLLOUT : 0), .data.ptr = c};
  epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &ev);
}

static void close_conn(struct conn *c) {
  if (c->ph == P_CLOSED) return;
  close(c->fd);
  c->ph = P_CLOSED;
  c->ol = c->oo = c->rl = 0;
  c->qh = c->qt = 0;
  live--;
}

static void flush(struct conn *c) {
  while (c->oo < c->ol) {
    ssize_t r = send(c->fd, c->ob + c->oo, c->ol - c->oo, MSG_NOSIGNAL);
    if (r < 0) {
      if (errno == EAGAIN) { want(c, true); return; }
      if (errno == EINTR) continue;
      drops++;
      close_conn(c);
      return;
    }
    c->oo += (size_t)r;
    bytes_out += (u64)r;
  }
  c->ol = c->oo = 0;
  want(c, false);
}

static int next_source;
static bool open_conn(struct conn *c) {
  int one = 1;
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (c->fd < 0) die("socket: %s", strerror(errno));
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (o.binds > 1) {
    int k = next_source++ % o.binds; /* 127.0.0.2, 127.0.0.3, ..., 127.0.1.0, ... */
    struct sockaddr_in s = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000002u + (u32)k)};
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (bind(c->fd, (struct sockaddr *)&s, sizeof s)) die("bind: %s", strerror(errno));
  }
  c->ph = P_CONNECT;
  c->tx = c->rcpt = 0;
  c->quitting = c->want_out = c->pipe_ok = c->waiting = false;
  c->qh = c->qt = 0;
  c->rl = c->ol = c->oo = 0;
  c->t_open = now_ns();
  live++;
  if (connect(c->fd, (struct sockaddr *)&peer, sizeof peer) && errno != EINPROGRESS) {
    connect_fail++;
    close_conn(c);
    return false;
  }
  struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
  epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &ev);
  expect(c, K_BANNER, c->t_open);
  return true;
}

static void op_done(u64 t0, u64 now) {
  done_ops++;
  t_last = now;
  if (measuring) sample(&lat, now - t0);
}

static void add_rcpt(struct conn *c, u64 now) {
  char buf[1100];
  bool k = o.mode == M_DELIVER || (o.mode == M_MIXED && rng() % 100 < (u64)o.known_pct);
  int n;
  if (k) n = snprintf(buf, sizeof buf, "RCPT TO:<%s>\r\n", known[rng() % nknown]);
  else {
    u64 r = rng();
    n = snprintf(buf, sizeof buf, "RCPT TO:<no.%08x.%x@%s>\r\n", (u32)r, (u32)(r >> 32) & 0xffff, o.domain);
  }
  out(c, buf, (size_t)n);
  expect(c, k ? K_KNOWN : K_UNKNOWN, now);
  c->rcpt++;
}

static void add_mail(struct conn *c, u64 now) {
  outs(c, "MAIL FROM:<");
  outs(c, o.from);
  outs(c, ">\r\n");
  expect(c, K_MAIL, now);
  c->rcpt = 0;
  c->rcpt_ok = false;
  c->t_tx = now;
}

static void add_end(struct conn *c, u64 now) {
  if (o.mode == M_DELIVER) {
    outs(c, "DATA\r\n");
    expect(c, K_DATA, now);
  } else if (!o.no_rset) {
    outs(c, "RSET\r\n");
    expect(c, K_RSET, now);
  }
  c->tx++;
}

static void add_quit(struct conn *c, u64 now) {
  outs(c, "QUIT\r\n");
  expect(c, K_QUIT, now);
  c->quitting = true;
}

static bool may_issue(void) { return !stopping && (!o.total || issued < o.total); }

/* Whose turn it is among those that wait for theirs. */
static int first_waiting;
/* When the next transaction is due, where there is a rate. One that comes late does not hurry the others. */
static u64 next_tx;
static bool is_early(struct conn *c, u64 now) {
  if (o.rate <= 0 || o.mode == M_SESSION || !may_issue() || c->tx >= o.tx_per_conn) return false;
  if (now < next_tx) return true;
  u64 step = (u64)(1e9 / o.rate);
  next_tx = now > next_tx + 1000000000u ? now : next_tx + step;
  return false;
}

/* Called when no reply is outstanding: send the next command, or the next group when pipelining. */
static void advance(struct conn *c, u64 now) {
  bool pl = o.pipeline && c->pipe_ok;
  switch (c->ph) {
  case P_MAIL:
    if ((c->waiting = is_early(c, now))) return;
    if (c->tx >= o.tx_per_conn || (o.mode != M_SESSION && !may_issue())) { add_quit(c, now); break; }
    if (o.mode == M_REJECT || o.mode == M_MIXED) issued += o.rcpts;
    else if (o.mode == M_DELIVER) issued++;
    add_mail(c, now);
    if (!pl) { c->ph = P_RCPT; break; }
    for (int i = 0; i < o.rcpts; i++) add_rcpt(c, now);
    if (o.mode == M_SESSION) { c->tx++; add_quit(c, now); }
    else add_end(c, now);
    break;
  case P_RCPT:
    add_rcpt(c, now);
    if (c->rcpt >= o.rcpts) c->ph = P_END;
    break;
  case P_END:
    c->ph = P_MAIL;
    if (o.mode == M_SESSION) { c->tx++; add_quit(c, now); break; }
    if (o.no_rset && o.mode != M_DELIVER) { c->tx++; advance(c, now); return; }
    add_end(c, now);
    break;
  default: break;
  }
  flush(c);
}

static void send_body(struct conn *c, u64 now) {
  char h[512];
  int n = snprintf(h, sizeof h,
                   "Received: by smtpload; Thu, 1 Jan 2026 00:00:00 +0000\r\nFrom: <%s>\r\nTo: <r@%s>\r\nSubject: load\r\n"
                   "Date: Thu, 1 Jan 2026 00:00:00 +0000\r\nMessage-ID: <%llu.load@example.net>\r\n"
                   "X-Load-Id: %llu\r\n%s\r\n",
                   o.from, o.domain, (unsigned long long)seq, (unsigned long long)seq, body_hdr);
  seq++;
  out(c, h, (size_t)n);
  out(c, body, body_len);
  expect(c, K_DOT, now);
  flush(c);
}

static void make_body(void) {
  char *plain = malloc((size_t)o.size + 128);
  size_t n = 0;
  for (int line = 0; n < (size_t)o.size; line++) { /* some lines start with a dot, to exercise stuffing */
    if (o.dot_every && line % o.dot_every == o.dot_every / 2) plain[n++] = '.';
    for (int i = 0; i < 70; i++) plain[n++] = (char)('!' + rng() % 90);
    plain[n++] = '\r';
    plain[n++] = '\n';
  }
  snprintf(body_hdr, sizeof body_hdr, "X-Load-Body: %zu %016llx\r\n", n, (unsigned long long)fnv(FNV0, plain, n));
  body = malloc(n * 2 + 8);
  for (size_t i = 0; i < n; i++) {
    if (plain[i] == '.' && (i == 0 || plain[i - 1] == '\n')) body[body_len++] = '.';
    body[body_len++] = plain[i];
  }
  memcpy(body + body_len, ".\r\n", 3);
  body_len += 3;
  free(plain);
}

/* One whole reply has arrived (its last line is p). */
static void reply(struct conn *c, int code, const char *text, u64 now) {
  if (c->qh == c->qt) { violation("nothing", code, text); drops++; close_conn(c); return; }
  struct exp e = c->q[c->qh++ & c->qmask];
  codes[e.kind][code]++;
  switch (e.kind) {
  case K_BANNER:
    if (code != 220) { violation("connect", code, text); drops++; close_conn(c); return; }
    outs(c, "EHLO ");
    outs(c, o.helo);
    outs(c, "\r\n");
    expect(c, K_EHLO, now);
    flush(c);
    return;
  case K_EHLO:
    if (code != 250) violation("EHLO", code, text);
    if (o.pipeline && !c->pipe_ok) violation("EHLO (no PIPELINING offered)", code, text);
    if (o.mode == M_IDLE && c->ph == P_CONNECT && c->idx >= 0) { c->ph = P_IDLE; idle_ready++; return; }
    c->ph = P_MAIL;
    break;
  case K_MAIL:
    if (code != 250) violation("MAIL", code, text);
    break;
  case K_UNKNOWN:
    if (code != o.unknown_code) violation("RCPT of an unknown address", code, text);
    if (o.mode != M_SESSION) op_done(e.t, now);
    else if (measuring) sample(&verdict, now - c->t_open);
    break;
  case K_KNOWN:
    if (code != 250 && code != 251) violation("RCPT of a known address", code, text);
    else c->rcpt_ok = true;
    if (o.mode == M_MIXED) op_done(e.t, now);
    break;
  case K_RSET:
    if (code != 250) violation("RSET", code, text);
    break;
  case K_DATA:
    if (code != 354) violation("DATA", code, text);
    else { send_body(c, now); return; }
    break;
  case K_DOT:
    if (code != 250) violation("end of data", code, text);
    op_done(c->t_tx, now);
    break;
  case K_QUIT:
    if (code != 221) violation("QUIT", code, text);
    done_conns++;
    if (o.mode == M_SESSION || (o.mode == M_IDLE && c->idx < 0)) op_done(c->t_open, now);
    close_conn(c);
    return;
  }
  if (code == 421) { drops++; close_conn(c); return; }
  if (c->qh == c->qt) advance(c, now);
}

static void on_input(struct conn *c) {
  for (;;) {
    ssize_t r = recv(c->fd, c->rb + c->rl, RBUF - c->rl, 0);
    if (r < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) return;
    }
    if (r <= 0) {
      if (c->ph == P_CONNECT && c->qh == 0 && r < 0) connect_fail++;
      else drops++;
      if (c->ph == P_IDLE) idle_ready--;
      close_conn(c);
      return;
    }
    bool full = (size_t)r == RBUF - c->rl;
    c->rl += (size_t)r;
    u64 now = now_ns();
    char *p = c->rb, *end = c->rb + c->rl, *nl;
    while ((nl = memchr(p, '\n', (size_t)(end - p)))) {
      size_t n = (size_t)(nl - p);
      if (n < 4 || nl[-1] != '\r' || !isdigit((unsigned char)p[0]) || !isdigit((unsigned char)p[1]) || !isdigit((unsigned char)p[2]) ||
          (p[3] != ' ' && p[3] != '-' && p[3] != '\r')) { violation("reply syntax", 0, p); drops++; close_conn(c); return; }
      int code = (p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0');
      if (c->qh != c->qt && c->q[c->qh & c->qmask].kind == K_EHLO && n >= 14 && !strncasecmp(p + 4, "PIPELINING", 10)) c->pipe_ok = true;
      if (p[3] != '-') {
        *nl = 0;
        reply(c, code, p + 4, now);
        if (c->ph == P_CLOSED) return;
      }
      p = nl + 1;
    }
    c->rl = (size_t)(end - p);
    if (c->rl == RBUF) { violation("overlong reply", 0, p); drops++; close_conn(c); return; }
    memmove(c->rb, p, c->rl);
    if (!full) return;
  }
}

static void conn_init(struct conn *c, int idx) {
  u32 cap = 16;
  while (cap < (u32)o.rcpts + 8) cap <<= 1;
  c->idx = idx;
  c->ph = P_CLOSED;
  c->q = calloc(cap, sizeof *c->q);
  c->qmask = cap - 1;
  c->rb = malloc(RBUF);
  if (!c->q || !c->rb) die("out of memory");
}

static void begin_measure(void) {
  measuring = true;
  t_measure = now_ns();
  u0 = tree_usage(false);
  self0 = self_cpu();
  memset(codes, 0, sizeof codes);
  done_ops = done_conns = 0;
  bytes_out = 0;
  lat.n = verdict.n = 0;
}

static volatile sig_atomic_t interrupted;
static void on_signal(int s) { (void)s; interrupted = 1; }

static void poll_once(int ms) {
  struct epoll_event ev[MAXEV];
  int n = epoll_wait(ep, ev, MAXEV, ms);
  for (int i = 0; i < n; i++) {
    struct conn *c = ev[i].data.ptr;
    if (c->ph == P_CLOSED) continue;
    if (ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) on_input(c);
    if (c->ph != P_CLOSED && (ev[i].events & EPOLLOUT)) flush(c);
  }
}

static void print_codes(void) {
  printf("\"codes\":{");
  bool first = true;
  for (int k = 0; k < K_N; k++)
    for (int c = 0; c < 1000; c++)
      if (codes[k][c]) {
        printf("%s\"%s_%d\":%llu", first ? "" : ",", kind_name[k], c, (unsigned long long)codes[k][c]);
        first = false;
      }
  printf("}");
}

static void report(double wall, const char *extra) {
  qsort(lat.v, lat.n, sizeof *lat.v, cmp_u32);
  qsort(verdict.v, verdict.n, sizeof *verdict.v, cmp_u32);
  double cpu = u1.cpu - u0.cpu;
  printf("{\"mode\":\"%s\",\"label\":\"%s\",\"conc\":%d,\"pipeline\":%s,\"rcpts_per_tx\":%d,\"size\":%d,\"ops\":%ld,\"wall_s\":%.3f,\"ops_per_s\":%.1f,"
         "\"p50_ms\":%.3f,\"p90_ms\":%.3f,\"p99_ms\":%.3f,\"p999_ms\":%.3f,\"max_ms\":%.3f,",
         o.mode_name, o.label, o.conc, o.pipeline ? "true" : "false", o.rcpts, o.mode == M_DELIVER ? o.size : 0, done_ops, wall,
         wall > 0 ? (double)done_ops / wall : 0, pct(&lat, .5), pct(&lat, .9), pct(&lat, .99), pct(&lat, .999), pct(&lat, 1));
  if (verdict.n)
    printf("\"verdict_p50_ms\":%.3f,\"verdict_p99_ms\":%.3f,\"verdict_max_ms\":%.3f,", pct(&verdict, .5), pct(&verdict, .99), pct(&verdict, 1));
  printf("\"sessions\":%ld,\"drops\":%ld,\"connect_fail\":%ld,\"timeouts\":%ld,\"violations\":%d,\"mib_out\":%.1f,", done_conns, drops, connect_fail, timeouts, num_errors,
         (double)bytes_out / 1048576);
  if (o.npids)
    printf("\"server_cpu_s\":%.2f,\"server_cpu_s_per_1k\":%.4f,\"server_procs\":%d,\"server_rss_kb\":%ld,\"server_pss_kb\":%ld,", cpu,
           done_ops ? cpu * 1000 / (double)done_ops : 0, u1.procs, u1.rss_kb, u1.pss_kb);
  printf("\"client_cpu_s\":%.2f,\"client_cpu_frac\":%.2f,%s", self1 - self0, wall > 0 ? (self1 - self0) / wall : 0, extra);
  print_codes();
  printf("}\n");
}

static void check_timeouts(u64 now) {
  u64 lim = (u64)(o.timeout * 1e9);
  for (int i = 0; i < o.conc; i++) {
    struct conn *c = &conns[i];
    if (c->ph == P_CLOSED || c->ph == P_IDLE || c->qh == c->qt) continue;
    if (now - c->q[c->qh & c->qmask].t > lim) { timeouts++; num_errors++; close_conn(c); }
  }
}

static void run_load(void) {
  t_start = now_ns();
  u64 warm = (u64)(o.warmup * 1e9);
  t_stop = o.seconds > 0 ? t_start + warm + (u64)(o.seconds * 1e9) : UINT64_MAX;
  if (!warm) begin_measure();
  u64 next_sched = t_start, last_check = t_start;
  long spawned = 0;
  u64 fail_pause = 0;
  for (;;) {
    u64 now = now_ns();
    if (!measuring && now - t_start >= warm) begin_measure();
    if (!stopping && (now >= t_stop || interrupted)) {
      stopping = true;
      /* A paced load ends what it has begun: what was answered can be compared with what arrived. */
      if (o.rate > 0 && o.mode != M_SESSION && live) { t_stop = now + (u64)(o.timeout * 1e9); continue; }
      t_last = now;
      self1 = self_cpu();
      u1 = tree_usage(true);
      break;
    }
    if (stopping && now >= t_stop) die("%d connections are not done %g s after the end", live, o.timeout);
    if (o.mode == M_SESSION) {
      for (int i = 0; i < o.conc && (!o.total || spawned < o.total); i++) {
        if (conns[i].ph != P_CLOSED) continue;
        if (o.rate > 0) {
          if (now < next_sched) break;
        }
        if (now < fail_pause) break;
        if (!open_conn(&conns[i])) { fail_pause = now + 1000000; break; }
        spawned++;
        if (o.rate > 0) { /* open loop: latency counts from the scheduled start */
          conns[i].t_open = next_sched;
          next_sched += (u64)(1e9 / o.rate);
        }
      }
    } else {
      for (int i = 0; i < o.conc && may_issue(); i++)
        if (conns[i].ph == P_CLOSED && now >= fail_pause && !open_conn(&conns[i])) fail_pause = now + 1000000;
    }
    if (!live && (o.mode == M_SESSION ? (o.total && spawned >= o.total) : !may_issue())) {
      self1 = self_cpu();
      u1 = tree_usage(true);
      break;
    }
    poll_once(o.rate > 0 ? 1 : 20);
    /* By turns: always from the first on, the last ones would wait until the server hangs up. */
    for (int k = 0, from = first_waiting; o.rate > 0 && k < o.conc; k++) {
      int i = (from + k) % o.conc;
      if (conns[i].ph != P_MAIL || !conns[i].waiting) continue;
      advance(&conns[i], now_ns());
      if (!conns[i].waiting) first_waiting = (i + 1) % o.conc;
    }
    if (now - last_check > 200000000) { check_timeouts(now_ns()); last_check = now; }
    if (connect_fail > 1000 && !done_ops) die("cannot connect to %s:%d", o.host, o.port);
  }
  report((double)(t_last - t_measure) / 1e9, "");
}

static void run_idle(void) {
  u0 = tree_usage(true);
  long rss0 = u0.rss_kb, pss0 = u0.pss_kb;
  t_start = now_ns();
  int opened = 0;
  u64 deadline = t_start + (u64)(o.timeout * 1e9);
  while (opened < o.conc || (idle_ready < o.conc && now_ns() < deadline && idle_ready + (int)drops + (int)connect_fail < o.conc)) {
    while (opened < o.conc && opened - idle_ready - drops - connect_fail < 200) open_conn(&conns[opened++]);
    poll_once(10);
    if (now_ns() > deadline) break;
  }
  double open_s = (double)(now_ns() - t_start) / 1e9;
  for (int i = 0; i < 20; i++) poll_once(50);
  struct usage u = tree_usage(true);
  int ready = idle_ready;
  /* fresh sessions, one after another, while the idle ones stay open */
  struct conn f = {0};
  conn_init(&f, -1);
  o.pipeline = false;
  o.rcpts = 1;
  begin_measure();
  enum mode m = o.mode;
  for (int i = 0; i < o.probes; i++) {
    u64 give_up = now_ns() + (u64)(o.timeout * 1e9);
    o.mode = M_IDLE;
    if (!open_conn(&f)) continue;
    while (f.ph != P_CLOSED && now_ns() < give_up) {
      o.mode = f.ph == P_CONNECT ? M_IDLE : M_SESSION;
      poll_once(5);
    }
    if (f.ph != P_CLOSED) { timeouts++; close_conn(&f); }
  }
  o.mode = m;
  self1 = self_cpu();
  u1 = tree_usage(true);
  char extra[512];
  snprintf(extra, sizeof extra,
           "\"idle_asked\":%d,\"idle_ready\":%d,\"idle_still_open\":%d,\"idle_open_s\":%.3f,\"rss_before_kb\":%ld,\"rss_with_idle_kb\":%ld,"
           "\"pss_before_kb\":%ld,\"pss_with_idle_kb\":%ld,\"pss_kb_per_conn\":%.1f,",
           o.conc, ready, idle_ready, open_s, rss0, u.rss_kb, pss0, u.pss_kb, ready ? (double)(u.pss_kb - pss0) / ready : 0);
  report((double)(now_ns() - t_measure) / 1e9, extra);
}

/* ------------------------------------------------------------------- server */
/* A deliberately minimal SMTP server: the physical limit on this machine for reject modes,
 * and a verifying next-hop sink for deliver mode. */

struct sconn {
  int fd;
  bool in_data, bol, want_out, mail, rcpt, in_hdr;
  char *rb;
  size_t rl;
  char ob[RBUF];
  size_t ol;
  u64 h, len, id, exp_h, exp_len;
  bool has_id, has_body;
};
static u64 s_msgs, s_bytes, s_rcpt_ok, s_rcpt_no, s_conns, s_dup, s_corrupt, s_noid;
static unsigned char *s_seen;
static u64 s_seen_cap, s_unique;

static void s_out(struct sconn *c, const char *p) {
  size_t n = strlen(p);
  if (c->ol + n > sizeof c->ob) {
    if (send(c->fd, c->ob, c->ol, MSG_NOSIGNAL) < 0) {}
    c->ol = 0;
  }
  memcpy(c->ob + c->ol, p, n);
  c->ol += n;
}

static void s_message_end(struct sconn *c) {
  s_msgs++;
  if (!o.verify) return;
  if (!c->has_id) { s_noid++; return; }
  if (c->has_body && (c->h != c->exp_h || c->len != c->exp_len)) s_corrupt++;
  if (c->id >= s_seen_cap) {
    u64 cap = s_seen_cap ? s_seen_cap : 4096;
    while (cap <= c->id) cap *= 2;
    s_seen = realloc(s_seen, cap);
    memset(s_seen + s_seen_cap, 0, cap - s_seen_cap);
    s_seen_cap = cap;
  }
  if (s_seen[c->id]++) s_dup++;
  else s_unique++;
}

/* A line of message data, with its CRLF, already unstuffed. */
static void s_data_line(struct sconn *c, const char *p, size_t n) {
  if (c->in_hdr) {
    if (n == 2) c->in_hdr = false;
    else if (n > 11 && !strncasecmp(p, "X-Load-Id:", 10)) { c->id = strtoull(p + 10, NULL, 10); c->has_id = true; }
    else if (n > 13 && !strncasecmp(p, "X-Load-Body:", 12)) {
      char *q;
      c->exp_len = strtoull(p + 12, &q, 10);
      c->exp_h = strtoull(q, NULL, 16);
      c->has_body = true;
    }
    return;
  }
  c->h = fnv(c->h, p, n);
  c->len += n;
}

static bool s_line(struct sconn *c, char *p, size_t n) { /* n without CRLF; false = close */
  if (n >= 4 && !strncasecmp(p, "RCPT", 4)) {
    char *a = memchr(p, '<', n), *z = a ? memchr(a, '>', n - (size_t)(a - p)) : NULL;
    if (!c->mail) s_out(c, "503 5.5.1 Need MAIL first\r\n");
    else if (!z) s_out(c, "501 5.1.3 Bad address\r\n");
    else if (!known || is_known(a + 1, (size_t)(z - a - 1))) { s_rcpt_ok++; c->rcpt = true; s_out(c, "250 2.1.5 OK\r\n"); }
    else { s_rcpt_no++; s_out(c, "550 5.1.1 User unknown\r\n"); }
  } else if (n >= 4 && !strncasecmp(p, "MAIL", 4)) { c->mail = true; c->rcpt = false; s_out(c, "250 2.1.0 OK\r\n"); }
  else if (n >= 4 && !strncasecmp(p, "RSET", 4)) { c->mail = c->rcpt = false; s_out(c, "250 2.0.0 OK\r\n"); }
  else if (n >= 4 && !strncasecmp(p, "EHLO", 4)) s_out(c, "250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE 104857600\r\n250 ENHANCEDSTATUSCODES\r\n");
  else if (n >= 4 && !strncasecmp(p, "HELO", 4)) s_out(c, "250 sink.example\r\n");
  else if (n >= 4 && !strncasecmp(p, "DATA", 4)) {
    if (!c->rcpt) s_out(c, "503 5.5.1 No valid recipients\r\n");
    else {
      s_out(c, "354 Go ahead\r\n");
      c->in_data = c->bol = c->in_hdr = true;
      c->has_id = c->has_body = false;
      c->h = FNV0;
      c->len = 0;
    }
  } else if (n >= 4 && !strncasecmp(p, "QUIT", 4)) { s_out(c, "221 2.0.0 Bye\r\n"); return false; }
  else if (n >= 4 && !strncasecmp(p, "NOOP", 4)) s_out(c, "250 2.0.0 OK\r\n");
  else s_out(c, "502 5.5.2 Unknown command\r\n");
  return true;
}

#define SBUF (256 * 1024)
static bool s_input(struct sconn *c) {
  for (;;) {
    if (!c->rb && !(c->rb = malloc(SBUF))) die("out of memory");
    ssize_t r = recv(c->fd, c->rb + c->rl, SBUF - c->rl, 0);
    if (r < 0 && errno == EINTR) continue;
    if (r < 0 && errno == EAGAIN) break;
    if (r <= 0) return false;
    bool full = (size_t)r == SBUF - c->rl, go = true;
    c->rl += (size_t)r;
    char *p = c->rb, *end = p + c->rl, *nl;
    while (go && (nl = memchr(p, '\n', (size_t)(end - p)))) {
      size_t n = (size_t)(nl - p) + 1;
      if (c->in_data) {
        s_bytes += n;
        if (n == 3 && p[0] == '.' && p[1] == '\r') {
          c->in_data = c->mail = c->rcpt = false;
          s_message_end(c);
          if (o.delay_ms) usleep((useconds_t)o.delay_ms * 1000);
          s_out(c, "250 2.0.0 Accepted\r\n");
        } else if (o.verify) {
          bool dot = p[0] == '.';
          s_data_line(c, p + dot, n - dot);
        }
      } else go = s_line(c, p, n >= 2 && nl[-1] == '\r' ? n - 2 : n - 1);
      p = nl + 1;
    }
    c->rl = (size_t)(end - p);
    if (c->rl == SBUF) return false; /* overlong line */
    memmove(c->rb, p, c->rl);
    if (c->ol && send(c->fd, c->ob, c->ol, MSG_NOSIGNAL) < 0) return false;
    c->ol = 0;
    if (!go) return false;
    if (!full) break;
  }
  if (!c->rl) { free(c->rb); c->rb = NULL; }
  return true;
}

static void run_serve(void) {
  if (o.valid_file) load_known(o.valid_file, true);
  int one = 1, l = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(l, (struct sockaddr *)&peer, sizeof peer) || listen(l, o.backlog)) die("listen on %s:%d: %s", o.host, o.port, strerror(errno));
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL}, ev[MAXEV];
  epoll_ctl(ep, EPOLL_CTL_ADD, l, &e);
  fprintf(stderr, "smtpload: serving on %s:%d, %zu addresses\n", o.host, o.port, nknown);
  while (!interrupted) {
    int n = epoll_wait(ep, ev, MAXEV, 1000);
    for (int i = 0; i < n; i++) {
      struct sconn *c = ev[i].data.ptr;
      if (!c) {
        int fd;
        while ((fd = accept4(l, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
          setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
          c = calloc(1, sizeof *c);
          c->fd = fd;
          s_conns++;
          e.data.ptr = c;
          epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
          if (send(fd, "220 sink.example ESMTP\r\n", 24, MSG_NOSIGNAL) < 0) {}
        }
        continue;
      }
      if (!s_input(c)) { close(c->fd); free(c->rb); free(c); }
    }
  }
  printf("{\"mode\":\"serve\",\"conns\":%llu,\"rcpt_ok\":%llu,\"rcpt_rejected\":%llu,\"messages\":%llu,\"data_bytes\":%llu,\"unique\":%llu,\"duplicate\":%llu,\"corrupt\":%llu,\"without_id\":%llu}\n",
         (unsigned long long)s_conns, (unsigned long long)s_rcpt_ok, (unsigned long long)s_rcpt_no, (unsigned long long)s_msgs, (unsigned long long)s_bytes,
         (unsigned long long)s_unique, (unsigned long long)s_dup, (unsigned long long)s_corrupt, (unsigned long long)s_noid);
}

/* --------------------------------------------------------------------- main */

static const char usage_text[] =
    "usage: smtpload reject|mixed|session|deliver|idle|serve [--opt value]...\n"
    "  --host 127.0.0.1 --port 2525    where (loopback only)\n"
    "  --conc N          concurrent connections (idle: how many to hold) [20]\n"
    "  --total N         stop after N RCPTs / sessions / messages\n"
    "  --seconds S       or after S seconds of measuring\n"
    "  --warmup S        seconds of load before measuring [0]\n"
    "  --rcpts N         RCPT commands per MAIL [10; session, deliver: 1]\n"
    "  --tx N            transactions per connection [20]\n"
    "  --pipeline 0|1    RFC 2920 pipelining [0]\n"
    "  --rate R          session: open loop, R sessions started per second; else at most R transactions per second\n"
    "  --valid FILE      known addresses, one per line (mixed, deliver, serve)\n"
    "  --known-pct P     mixed: percentage of known addresses [20]\n"
    "  --domain D --from A --helo H    names used\n"
    "  --unknown-code C  reply wanted for an unknown address [550]\n"
    "  --binds K         spread over K client addresses 127.0.0.2.. [1]\n"
    "  --size BYTES      deliver: body size [4096]\n"
    "  --dot-every N     deliver: every Nth body line starts with a dot, 0 for none [50]\n"
    "  --first-id N      deliver: number of the first message [0]\n"
    "  --probes N        idle: fresh sessions to time [200]\n"
    "  --timeout S       give up on a reply after S seconds [30]\n"
    "  --pids P,P        sum CPU and memory of these processes and all below them\n"
    "  --seed N --label TEXT --no-rset 1\n"
    "  --verify 1 --delay-ms N   serve: check ids and body sums; wait before the final reply\n";

int main(int argc, char **argv) {
  static const char *names[] = {"reject", "mixed", "session", "deliver", "idle", "serve"};
  if (argc < 2) { fputs(usage_text, stderr); return 2; }
  int m = 0;
  while (m < 6 && strcmp(argv[1], names[m])) m++;
  if (m == 6) { fputs(usage_text, stderr); return 2; }
  o.mode = (enum mode)m;
  o.mode_name = names[m];
  if (m == M_SESSION || m == M_DELIVER) o.rcpts = 1;
  if (m == M_SESSION) o.tx_per_conn = 1;
  for (int i = 2; i < argc; i += 2) {
    const char *k = argv[i], *v = i + 1 < argc ? argv[i + 1] : NULL;
    if (!v) die("%s needs a value", k);
#define OPT(name) if (!strcmp(k, "--" name))
    OPT("host") o.host = v;
    else OPT("port") o.port = atoi(v);
    else OPT("conc") o.conc = atoi(v);
    else OPT("total") o.total = atol(v);
    else OPT("seconds") o.seconds = atof(v);
    else OPT("warmup") o.warmup = atof(v);
    else OPT("rcpts") o.rcpts = atoi(v);
    else OPT("tx") o.tx_per_conn = atoi(v);
    else OPT("pipeline") o.pipeline = atoi(v);
    else OPT("rate") o.rate = atof(v);
    else OPT("valid") o.valid_file = v;
    else OPT("known-pct") o.known_pct = atoi(v);
    else OPT("domain") o.domain = v;
    else OPT("from") o.from = v;
    else OPT("helo") o.helo = v;
    else OPT("unknown-code") o.unknown_code = atoi(v);
    else OPT("binds") o.binds = atoi(v);
    else OPT("size") o.size = atoi(v);
    else OPT("dot-every") o.dot_every = atoi(v);
    else OPT("probes") o.probes = atoi(v);
    else OPT("timeout") o.timeout = atof(v);
    else OPT("seed") rng_state = strtoull(v, NULL, 10) * 0x9e3779b97f4a7c15ull + 1;
    else OPT("first-id") seq = strtoull(v, NULL, 10);
    else OPT("label") o.label = v;
    else OPT("no-rset") o.no_rset = atoi(v);
    else OPT("verify") o.verify = atoi(v);
    else OPT("delay-ms") o.delay_ms = atoi(v);
    else OPT("pids") {
      char *s = strdup(v);
      for (char *t = strtok(s, ","); t && o.npids < 64; t = strtok(NULL, ",")) o.pids[o.npids++] = atoi(t);
    } else die("unknown option %s", k);
  }
  peer.sin_family = AF_INET;
  peer.sin_port = htons((uint16_t)o.port);
  if (inet_pton(AF_INET, o.host, &peer.sin_addr) != 1 || (ntohl(peer.sin_addr.s_addr) >> 24) != 127) die("--host must be a loopback address");
  struct rlimit rl;
  getrlimit(RLIMIT_NOFILE, &rl);
  rl.rlim_cur = rl.rlim_max;
  setrlimit(RLIMIT_NOFILE, &rl);
  struct sigaction sa = {.sa_handler = on_signal};
  sigaction(SIGINT, &sa, NULL);
  sigaction(SIGTERM, &sa, NULL);
  signal(SIGPIPE, SIG_IGN);
  ep = epoll_create1(EPOLL_CLOEXEC);
  if (o.mode == M_SERVE) { run_serve(); return 0; }
  if (o.mode == M_MIXED || o.mode == M_DELIVER) {
    if (!o.valid_file) die("--valid is needed");
    load_known(o.valid_file, false);
  }
  if (o.mode == M_DELIVER) make_body();
  if (o.mode != M_IDLE && !o.total && o.seconds <= 0) o.seconds = 5;
  if (o.conc < 1 || o.rcpts < 1) die("bad --conc or --rcpts");
  conns = calloc((size_t)o.conc, sizeof *conns);
  for (int i = 0; i < o.conc; i++) conn_init(&conns[i], i);
  if (o.mode == M_IDLE) run_idle();
  else run_load();
  return num_errors ? 1 : 0;
}
