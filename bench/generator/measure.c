// The server and the machine from outside: CPU time, memory, and how busy the first two cores are.
#include "generator.h"
#include <stdio.h>
#include <time.h>

/** CPU time of all threads of a process, user and system, nanoseconds. */
int64_t cpu_ns(int pid) {
  clockid_t clock;
  struct timespec t;
  if (!pid || clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &t)) return 0;
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

long rss_kb(int pid) {
  char path[64], line[256];
  long kb = 0;
  snprintf(path, sizeof path, "/proc/%d/status", pid);
  FILE *f = pid ? fopen(path, "r") : NULL;
  if (!f) return 0;
  while (fgets(line, sizeof line, f)) if (!strncmp(line, "VmRSS:", 6)) kb = atol(line + 6);
  fclose(f);
  return kb;
}

void read_cores(cores *c) {
  char line[512];
  memset(c, 0, sizeof *c);
  FILE *f = fopen("/proc/stat", "r");
  if (!f) return;
  while (fgets(line, sizeof line, f)) {
    int core;
    long t[8] = {0}; // user nice system idle iowait irq softirq steal
    if (line[3] == ' ') continue;
    if (sscanf(line, "cpu%d %ld %ld %ld %ld %ld %ld %ld %ld", &core, t, t + 1, t + 2, t + 3, t + 4, t + 5, t + 6, t + 7) < 9) continue;
    if (core < 0 || core > 1) continue;
    c->busy[core] = t[0] + t[1] + t[2] + t[5] + t[6];
    c->soft[core] = t[6];
    c->steal[core] = t[7];
  }
  fclose(f);
}
