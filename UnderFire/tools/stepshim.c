/* stepshim: stop one process at the n-th of its calls that change a file below a folder, or fail that call.
 *
 * strace can kill at the n-th call too, but it counts for each thread by itself, and a server does its writing on
 * whichever thread is free: what is the n-th call of the process is then another one each time. This preload library
 * counts over all threads, so that a loop over n meets every boundary between two calls, once.
 *
 * $STEPSHIM_FILE is mapped, so that whoever drives the test arms and reads it while the process runs. As words of 64
 * bits: mode (0 off, 1 count, 2 SIGKILL before the call, 3 fail it), n, how many calls from the n-th on fail (mode 3),
 * the errno, and the number of calls counted since it was armed; then, 64 bytes for each call, its name and its file.
 * Only calls on files below $STEPSHIM_FOLDER count.
 *
 * build:  cc -O2 -shared -fPIC -o stepshim.so stepshim.c -ldl
 * limits: bytes stored through a mapping are not seen, nor are calls without the C library or relative to a folder.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { OFF, COUNT, KILL, FAIL, LOGGED = 8192, LINE = 64 };

struct board {
    _Atomic long long mode, target, span, error, count;
    char lines[LOGGED][LINE];
};

static struct board *board;
static const char *folder;

__attribute__((constructor)) static void open_board(void) {
    const char *path = getenv("STEPSHIM_FILE");
    folder = getenv("STEPSHIM_FOLDER");
    if (!path || !folder) return;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    void *found = mmap(NULL, sizeof(struct board), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (found != MAP_FAILED) board = found;
}

/* Whether the call is to fail; does not return where the process is to die. */
static int step(const char *call, const char *path) {
    if (!board || board->mode == OFF || strncmp(path, folder, strlen(folder))) return 0;
    long long number = atomic_fetch_add(&board->count, 1) + 1;
    if (number <= LOGGED) snprintf(board->lines[number - 1], LINE, "%s %s", call, path + strlen(folder));
    long long mode = board->mode, target = board->target;
    if (mode == KILL && number >= target) kill(getpid(), SIGKILL);
    if (mode == FAIL && number >= target && number < target + board->span) {
        errno = (int)board->error;
        return 1;
    }
    return 0;
}

static int step_fd(const char *call, int fd) {
    if (!board || board->mode == OFF) return 0;
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return step(call, path);
}

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

#define ON_FD(type, name, failed, parameters, arguments, ...) \
    type name parameters { \
        REAL(type, name, __VA_ARGS__); \
        return step_fd(#name, fd) ? failed : real arguments; \
    }

ON_FD(ssize_t, write, -1, (int fd, const void *p, size_t n), (fd, p, n), int, const void *, size_t)
ON_FD(ssize_t, writev, -1, (int fd, const struct iovec *v, int n), (fd, v, n), int, const struct iovec *, int)
ON_FD(ssize_t, pwrite, -1, (int fd, const void *p, size_t n, off_t o), (fd, p, n, o), int, const void *, size_t, off_t)
ON_FD(ssize_t, pwrite64, -1, (int fd, const void *p, size_t n, off64_t o), (fd, p, n, o), int, const void *, size_t,
      off64_t)
ON_FD(int, fsync, -1, (int fd), (fd), int)
ON_FD(int, fdatasync, -1, (int fd), (fd), int)
ON_FD(int, ftruncate, -1, (int fd, off_t n), (fd, n), int, off_t)
ON_FD(int, ftruncate64, -1, (int fd, off64_t n), (fd, n), int, off64_t)
ON_FD(int, fchmod, -1, (int fd, mode_t m), (fd, m), int, mode_t)

#define ON_PATH(name, parameters, arguments, ...) \
    int name parameters { \
        REAL(int, name, __VA_ARGS__); \
        return step(#name, path) ? -1 : real arguments; \
    }

ON_PATH(unlink, (const char *path), (path), const char *)
ON_PATH(remove, (const char *path), (path), const char *)
ON_PATH(rmdir, (const char *path), (path), const char *)
ON_PATH(mkdir, (const char *path, mode_t m), (path, m), const char *, mode_t)
ON_PATH(rename, (const char *path, const char *to), (path, to), const char *, const char *)

/* Opening for reading changes nothing. */
#define ON_OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(int, name, const char *, int, ...); \
        mode_t mode = 0; \
        if (flags & (O_CREAT | O_TMPFILE)) { \
            va_list rest; \
            va_start(rest, flags); \
            mode = va_arg(rest, mode_t); \
            va_end(rest); \
        } \
        if (flags & (O_CREAT | O_TRUNC) && step(#name, path)) return -1; \
        return real(path, flags, mode); \
    }

ON_OPEN(open)
ON_OPEN(open64)
