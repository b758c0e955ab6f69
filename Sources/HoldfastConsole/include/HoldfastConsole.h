#ifndef HOLDFAST_CONSOLE_H
#define HOLDFAST_CONSOLE_H

#include <stddef.h>

/// One file of the console. Lives as long as the process.
struct holdfast_console_file {
    const char *_Nonnull name;
    const unsigned char *_Nonnull bytes;
    size_t length;
};

extern const size_t holdfast_console_file_count;

/// `place` below the count.
const struct holdfast_console_file *_Nonnull holdfast_console_file_at(size_t place);

#endif
