#ifndef FRESHET_CLINUX_H
#define FRESHET_CLINUX_H

#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

// Swift's Glibc module leaves out what only _GNU_SOURCE declares.

/// Starts writing a range of a file to the disk and does not wait (sync_file_range(2), SYNC_FILE_RANGE_WRITE).
static inline int clinux_start_write_back(int file, int64_t offset, int64_t length) {
  return (int)syscall(SYS_sync_file_range, file, offset, length, 2);
}

/// Writes everything of the file system that holds `file` to the disk (syncfs(2)).
static inline int clinux_sync_file_system(int file) { return (int)syscall(SYS_syncfs, file); }

#endif
