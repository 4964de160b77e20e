/*
 * asktime - how long a server takes to answer questions on Unix sockets: 50 connections, flat out or at a pace.
 *
 *   asktime PATH CONNECTIONS SECONDS PACE_US QUESTION LAST [HEAD_END]
 *
 * PACE_US is the time between two questions of a connection; 0 asks as soon as it is answered. In QUESTION, which is
 * in hex, "%04d" becomes a number. An answer is complete when it ends in LAST (hex); with HEAD_END (hex), when
 * anything follows that and LAST is "". A question that is due while the one before it waits for its answer counts
 * from when it was due. One epoll thread, no memory taken while it measures. Prints one line of JSON; times in us.
 * Build: cc -O2 -Wall -Wextra -o asktime asktime.c
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MOST 1000
#define SAMPLES 20000000u
#define PATIENCE_US 20000000u

struct conn {
  int fd;
  uint64_t due, since; /* us; since is 0 while nothing is asked */
  size_t have;
  char in[4096];
};

static struct conn conns[MOST];
static uint32_t *taken, count, faults;

static void die(const char *what) {
  fprintf(stderr, "asktime: %s: %s\n", what, strerror(errno));
  exit(2);
}

static uint64_t now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static size_t unhex(const char *hex, char *out, size_t room) {
  size_t n = strlen(hex) / 2;
  if (n >= room) die("text too long");
  for (size_t i = 0; i < n; i++) {
    unsigned octet;
    if (sscanf(hex + 2 * i, "%2x", &octet) != 1) die("not hex");
    out[i] = (char)octet;
  }
  out[n] = 0;
  return n;
}

static char question[2048], last[16], head_end[16];
static size_t question_length, last_length, head_length, number_at;

static void ask(struct conn *c, uint64_t since) {
  static unsigned turn;
  char digits[5];
  if (number_at != (size_t)-1) {
    snprintf(digits, sizeof digits, "%04u", turn++ % 1000);
    memcpy(question + number_at, digits, 4);
  }
  c->since = since;
  c->have = 0;
  if (write(c->fd, question, question_length) != (ssize_t)question_length) die("write");
}

static int is_whole(const struct conn *c) {
  if (head_length > 0) {
    const char *end = memmem(c->in, c->have, head_end, head_length);
    return end != NULL && end + head_length < c->in + c->have;
  }
  return c->have >= last_length && memcmp(c->in + c->have - last_length, last, last_length) == 0;
}

static void hear(struct conn *c, uint64_t pace) {
  ssize_t n = read(c->fd, c->in + c->have, sizeof c->in - c->have);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) die("closed by the server");
  c->have += (size_t)n;
  if (!is_whole(c)) return;
  uint64_t now = now_us();
  if (count < SAMPLES) taken[count++] = (uint32_t)(now - c->since);
  c->since = 0;
  if (pace == 0) ask(c, now);
}

static int compare(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

static uint32_t quantile(double share) {
  return count == 0 ? 0 : taken[(size_t)((double)(count - 1) * share)];
}

int main(int argc, char **argv) {
  if (argc < 7) die("usage: asktime PATH CONNECTIONS SECONDS PACE_US QUESTION LAST [HEAD_END]");
  int many = atoi(argv[2]);
  uint64_t pace = strtoull(argv[4], NULL, 10);
  if (many < 1 || many > MOST) die("connections");
  question_length = unhex(argv[5], question, sizeof question);
  char *number = memmem(question, question_length, "%04d", 4);
  number_at = number == NULL ? (size_t)-1 : (size_t)(number - question);
  last_length = unhex(argv[6], last, sizeof last);
  if (argc > 7) head_length = unhex(argv[7], head_end, sizeof head_end);
  taken = malloc(SAMPLES * sizeof *taken);
  if (taken == NULL) die("memory");
  /* Timers of 1 us in place of 50. */
  prctl(PR_SET_TIMERSLACK, 1000);
  int poll = epoll_create1(0);
  uint64_t begun = now_us(), until = begun + (uint64_t)(atof(argv[3]) * 1e6);
  for (int i = 0; i < many; i++) {
    struct sockaddr_un place = {.sun_family = AF_UNIX};
    strncpy(place.sun_path, argv[1], sizeof place.sun_path - 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&place, sizeof place) < 0) die(argv[1]);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
    epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
    conns[i].fd = fd;
    /* Spread over the pace. */
    conns[i].due = begun + pace * (uint64_t)i / (uint64_t)many;
    if (pace == 0) ask(&conns[i], now_us());
  }
  for (uint64_t now = now_us(); now < until; now = now_us()) {
    uint64_t next = until;
    for (int i = 0; i < many; i++) {
      struct conn *c = &conns[i];
      if (c->since > 0 && now > c->since + PATIENCE_US) {
        faults++;
        die("no answer in 20 s");
      }
      if (pace == 0) continue;
      if (c->since == 0 && c->due <= now) {
        /* A late wake-up of ours is not the server's time; a question that had to wait for the one before is. */
        ask(c, c->have > 0 && c->due + pace < now ? c->due : now);
        c->due += pace;
      }
      if (c->since == 0 && c->due < next) next = c->due;
    }
    struct timespec wait = {0, 0};
    uint64_t left = next > now ? next - now : 0;
    if (left > 100000) left = 100000;
    wait.tv_sec = (time_t)(left / 1000000u);
    wait.tv_nsec = (long)(left % 1000000u) * 1000;
    struct epoll_event events[64];
    int n = epoll_pwait2(poll, events, 64, &wait, NULL);
    for (int i = 0; i < n; i++) hear(&conns[events[i].data.u32], pace);
  }
  double seconds = (double)(now_us() - begun) / 1e6;
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  double cpu = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
  qsort(taken, count, sizeof *taken, compare);
  printf("{\"count\":%u,\"seconds\":%.3f,\"p50\":%u,\"p99\":%u,\"p999\":%u,\"max\":%u,\"cpu\":%.3f}\n", count, seconds,
         quantile(0.5), quantile(0.99), quantile(0.999), quantile(1), cpu);
  return faults > 0;
}
