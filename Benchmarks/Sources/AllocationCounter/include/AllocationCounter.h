#pragma once
#include <stdint.h>

/// How often this process has asked for memory until now, in all its threads. A reallocation counts as one.
uint64_t allocation_count(void);
