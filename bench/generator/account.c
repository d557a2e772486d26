// The account of messages: what was sent, what each receiver must get next, and the texts themselves. It knows no protocol.
#include "generator.h"

tally count;
histogram delivery_times, reply_times;
bool measuring;
uint32_t *expected, *sent, *replied;
int *in_flight;
slot *slots;
int clients_total, ready;

static char filler[4096];

/** Behind the marker: plain words, or characters of 2, 3 and 4 bytes (never cut in the middle of one). */
static void make_filler(void) {
  const char *pattern = opt.unicode ? "é漢😀ß語" : "the quick brown fox jumps over the lazy dog ";
  size_t one = strlen(pattern), len = (size_t)opt.text - MARKER, at = 0;
  for (; at + one <= len; at += one) memcpy(filler + at, pattern, one);
  if (opt.unicode) memset(filler + at, 'x', len - at);
  else memcpy(filler + at, pattern, len - at);
}

void open_account(void) {
  size_t senders = (size_t)opt.senders;
  expected = calloc((size_t)opt.receivers * senders, sizeof *expected);
  sent = calloc(senders, sizeof *sent);
  replied = calloc(senders, sizeof *replied);
  in_flight = calloc(senders, sizeof *in_flight);
  slots = calloc(senders * RING, sizeof *slots);
  make_filler();
}

int make_text(char *to, int sender, uint32_t number) {
  memcpy(to, "@@0000:0000000000:", MARKER);
  for (int i = 5; i >= 2; i--) { to[i] = (char)('0' + sender % 10); sender /= 10; }
  for (int i = 16; i >= 7; i--) { to[i] = (char)('0' + number % 10); number /= 10; }
  memcpy(to + MARKER, filler, (size_t)opt.text - MARKER);
  return opt.text;
}

bool is_filler(const char *text) { return !memcmp(text + MARKER, filler, (size_t)opt.text - MARKER); }

int fanout(void) { return (spoken->separate_publishers ? opt.receivers : opt.receivers - 1) - opt.stall; }

int64_t lost_messages(void) {
  int64_t lost = 0;
  for (int r = 0; r < opt.receivers - opt.stall; r++) {
    for (int s = 0; s < opt.senders; s++) {
      uint32_t got = expected[(size_t)r * (size_t)opt.senders + (size_t)s];
      if (!spoken->separate_publishers && r == s) count.duplicates += got;
      else lost += (int64_t)sent[s] - got;
    }
  }
  return lost;
}
