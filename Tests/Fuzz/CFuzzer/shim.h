#ifndef SLUICE_CFUZZER_SHIM_H
#define SLUICE_CFUZZER_SHIM_H

#include <stddef.h>
#include <stdint.h>

// libFuzzer has no header; this is how it is called as a library (llvm.org/docs/LibFuzzer.html). `-sanitize=fuzzer` links it.
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*callback)(const uint8_t *data, size_t size));

#endif
