#ifndef SLUICE_CBROWSERFILES_H
#define SLUICE_CBROWSERFILES_H

#include <stddef.h>

/// A file of this target as it was when the program was built; lies in the program's read-only data.
struct sluice_file {
    const unsigned char *bytes;
    size_t count;
};

extern const struct sluice_file sluice_client_js;
extern const struct sluice_file sluice_console_html;
extern const struct sluice_file sluice_console_css;
extern const struct sluice_file sluice_charts_js;
extern const struct sluice_file sluice_console_js;

#endif
