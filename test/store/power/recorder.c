/*
 * Stands between a program and its disk (by LD_PRELOAD), and writes down in order what the program
 * does to files below one directory: each write with its bytes, each sync, each change of a name.
 * What the program says on its standard output is written down among them, so that it is known
 * what it had promised at each moment.
 *
 *   CUT_DIRECTORY   what is recorded: files below it
 *   CUT_TRACE       where the record goes
 *
 * A record is: kind (1 byte), inode (8), offset or size (8), length of first (4), length of
 * second (4), first, second; numbers are little-endian.
 *
 *   C inode, path          a file was made         W inode, offset, bytes   it was written to
 *   T inode, size          it was cut or grown     S inode                  it was synced
 *   R path, path           it was renamed          L path, path             it got a second name
 *   U path                 a name was removed      D path                   a directory was synced
 *   M bytes                something was said
 *
 * Nothing is really synced: the record is the disk. One lock around everything makes the order.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(type, name, ...) \
  static type (*real)(__VA_ARGS__); \
  if (!real) real = dlsym(RTLD_NEXT, name)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *directory;
static size_t directory_length;
static int trace = -1;

static void put(const void *bytes, size_t length) {
  REAL(ssize_t, "write", int, const void *, size_t);
  for (const char *at = bytes; length > 0;) {
    ssize_t written = real(trace, at, length);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) abort();
    at += written;
    length -= written;
  }
}

static void record(char kind, uint64_t inode, uint64_t number, const void *first, uint32_t length,
                   const void *second, uint32_t rest) {
  char head[25];
  head[0] = kind;
  memcpy(head + 1, &inode, 8);
  memcpy(head + 9, &number, 8);
  memcpy(head + 17, &length, 4);
  memcpy(head + 21, &rest, 4);
  put(head, sizeof head);
  put(first, length);
  put(second, rest);
}

static void record_paths(char kind, const char *one, const char *other) {
  record(kind, 0, 0, one, strlen(one), other, strlen(other));
}

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("CUT_TRACE");
  directory = getenv("CUT_DIRECTORY");
  if (!path || !directory) return;
  directory_length = strlen(directory);
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
  /* Out of the way of descriptors that the program counts on. */
  trace = fcntl(fd, F_DUPFD_CLOEXEC, 900);
  close(fd);
}

static int is_ours(const char *path) {
  return trace >= 0 && path && strncmp(path, directory, directory_length) == 0 &&
         path[directory_length] == '/';
}

/* The path of an open file, when it is one of ours. */
static int path_of(int fd, char path[PATH_MAX]) {
  if (trace < 0 || fd < 0) return 0;
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  return is_ours(path) || strcmp(path, directory) == 0;
}

static int is_file(int fd, struct stat *about) {
  char path[PATH_MAX];
  return path_of(fd, path) && fstat(fd, about) == 0 && S_ISREG(about->st_mode);
}

static int open_at(int at, const char *path, int flags, mode_t mode) {
  REAL(int, "openat64", int, const char *, int, ...);
  if (!is_ours(path) || (flags & O_DIRECTORY)) return real(at, path, flags, mode);
  pthread_mutex_lock(&lock);
  int was_there = access(path, F_OK) == 0;
  int fd = real(at, path, flags, mode);
  int failed = errno;
  struct stat about;
  if (fd >= 0 && fstat(fd, &about) == 0 && S_ISREG(about.st_mode)) {
    if (!was_there) record('C', about.st_ino, 0, path, strlen(path), "", 0);
    else if (flags & O_TRUNC) record('T', about.st_ino, 0, "", 0, "", 0);
  }
  pthread_mutex_unlock(&lock);
  errno = failed;
  return fd;
}

#define OPEN(name) \
  int name(const char *path, int flags, ...) { \
    va_list rest; \
    va_start(rest, flags); \
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0; \
    va_end(rest); \
    return open_at(AT_FDCWD, path, flags, mode); \
  }
#define OPEN_AT(name) \
  int name(int at, const char *path, int flags, ...) { \
    va_list rest; \
    va_start(rest, flags); \
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0; \
    va_end(rest); \
    return open_at(at, path, flags, mode); \
  }
OPEN(open)
OPEN(open64)
OPEN_AT(openat)
OPEN_AT(openat64)

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
  REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
  struct stat about;
  if (!is_file(fd, &about)) return real(fd, bytes, length, offset);
  pthread_mutex_lock(&lock);
  ssize_t written = real(fd, bytes, length, offset);
  if (written > 0) record('W', about.st_ino, offset, bytes, written, "", 0);
  pthread_mutex_unlock(&lock);
  return written;
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
  return pwrite64(fd, bytes, length, offset);
}

ssize_t write(int fd, const void *bytes, size_t length) {
  REAL(ssize_t, "write", int, const void *, size_t);
  struct stat about;
  int is_said = trace >= 0 && fd == 1;
  if (!is_said && !is_file(fd, &about)) return real(fd, bytes, length);
  pthread_mutex_lock(&lock);
  off_t offset = is_said ? 0 : lseek(fd, 0, SEEK_CUR);
  if (!is_said && (fcntl(fd, F_GETFL) & O_APPEND) && fstat(fd, &about) == 0) {
    offset = about.st_size;
  }
  ssize_t written = real(fd, bytes, length);
  if (written > 0 && is_said) record('M', 0, 0, bytes, written, "", 0);
  else if (written > 0) record('W', about.st_ino, offset, bytes, written, "", 0);
  pthread_mutex_unlock(&lock);
  return written;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  REAL(ssize_t, "writev", int, const struct iovec *, int);
  struct stat about;
  if (!is_file(fd, &about)) return real(fd, parts, count);
  ssize_t written = 0;
  for (int part = 0; part < count; part++) {
    ssize_t some = write(fd, parts[part].iov_base, parts[part].iov_len);
    if (some < 0) return written > 0 ? written : -1;
    written += some;
    if ((size_t)some < parts[part].iov_len) break;
  }
  return written;
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
  REAL(ssize_t, "pwritev64", int, const struct iovec *, int, off64_t);
  struct stat about;
  if (!is_file(fd, &about)) return real(fd, parts, count, offset);
  ssize_t written = 0;
  for (int part = 0; part < count; part++) {
    ssize_t some = pwrite64(fd, parts[part].iov_base, parts[part].iov_len, offset + written);
    if (some < 0) return written > 0 ? written : -1;
    written += some;
    if ((size_t)some < parts[part].iov_len) break;
  }
  return written;
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
  return pwritev64(fd, parts, count, offset);
}

int ftruncate64(int fd, off64_t size) {
  REAL(int, "ftruncate64", int, off64_t);
  struct stat about;
  if (!is_file(fd, &about)) return real(fd, size);
  pthread_mutex_lock(&lock);
  int failed = real(fd, size);
  if (!failed) record('T', about.st_ino, size, "", 0, "", 0);
  pthread_mutex_unlock(&lock);
  return failed;
}
int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

/* A mode in which the blocks of a file are laid out beforehand: as growing it, for our purpose. */
int fallocate64(int fd, int mode, off64_t offset, off64_t length) {
  REAL(int, "fallocate64", int, int, off64_t, off64_t);
  struct stat about;
  if (!is_file(fd, &about)) return real(fd, mode, offset, length);
  errno = EOPNOTSUPP;
  return -1;
}
int fallocate(int fd, int mode, off_t offset, off_t length) {
  return fallocate64(fd, mode, offset, length);
}
int posix_fallocate64(int fd, off64_t offset, off64_t length) {
  REAL(int, "posix_fallocate64", int, off64_t, off64_t);
  struct stat about;
  return is_file(fd, &about) ? EOPNOTSUPP : real(fd, offset, length);
}
int posix_fallocate(int fd, off_t offset, off_t length) {
  return posix_fallocate64(fd, offset, length);
}

static int sync_one(int fd, const char *name) {
  int (*real)(int) = dlsym(RTLD_NEXT, name);
  char path[PATH_MAX];
  struct stat about;
  if (!path_of(fd, path) || fstat(fd, &about) != 0) return real(fd);
  pthread_mutex_lock(&lock);
  if (S_ISDIR(about.st_mode)) record('D', 0, 0, path, strlen(path), "", 0);
  else record('S', about.st_ino, 0, "", 0, "", 0);
  pthread_mutex_unlock(&lock);
  return 0;
}
int fsync(int fd) { return sync_one(fd, "fsync"); }
int fdatasync(int fd) { return sync_one(fd, "fdatasync"); }

int rename(const char *from, const char *to) {
  REAL(int, "rename", const char *, const char *);
  if (!is_ours(from) && !is_ours(to)) return real(from, to);
  pthread_mutex_lock(&lock);
  int failed = real(from, to);
  if (!failed) record_paths('R', from, to);
  pthread_mutex_unlock(&lock);
  return failed;
}

int link(const char *from, const char *to) {
  REAL(int, "link", const char *, const char *);
  if (!is_ours(from) && !is_ours(to)) return real(from, to);
  pthread_mutex_lock(&lock);
  int failed = real(from, to);
  if (!failed) record_paths('L', from, to);
  pthread_mutex_unlock(&lock);
  return failed;
}

static int remove_by(const char *name, const char *path) {
  int (*real)(const char *) = dlsym(RTLD_NEXT, name);
  if (!is_ours(path)) return real(path);
  pthread_mutex_lock(&lock);
  int failed = real(path);
  if (!failed) record_paths('U', path, "");
  pthread_mutex_unlock(&lock);
  return failed;
}
int unlink(const char *path) { return remove_by("unlink", path); }
int remove(const char *path) { return remove_by("remove", path); }

int unlinkat(int at, const char *path, int flags) {
  REAL(int, "unlinkat", int, const char *, int);
  if (!is_ours(path) || (flags & AT_REMOVEDIR)) return real(at, path, flags);
  pthread_mutex_lock(&lock);
  int failed = real(at, path, flags);
  if (!failed) record_paths('U', path, "");
  pthread_mutex_unlock(&lock);
  return failed;
}
