/* The record both consumers read: what edgekit's compiler makes of
 * printf("%-7d %-16s %s\n", pid, comm, str(args.filename)): a header word, the fixed fields, then the path
 * cut behind its NUL. */
#define PATH_BYTES 1024

struct record {
	unsigned long long header;
	unsigned long long pid;
	char comm[16];
	char path[PATH_BYTES];
};
