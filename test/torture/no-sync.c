// A disk that promises and does not keep: every request to write something down for good succeeds and does nothing.
// Loaded with LD_PRELOAD into a server, to show that the proof of power cuts notices a store that does not sync.
int fsync(int file) { (void)file; return 0; }
int fdatasync(int file) { (void)file; return 0; }
int sync_file_range(int file, long from, long bytes, unsigned flags) { (void)file; (void)from; (void)bytes; (void)flags; return 0; }
int msync(void *from, unsigned long bytes, int flags) { (void)from; (void)bytes; (void)flags; return 0; }
