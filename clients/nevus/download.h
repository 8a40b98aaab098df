// Fetches a file from the web through the program curl, which brings TLS,
// proxies and redirects with it. Knows no weights.
#ifndef NEVUS_CLIENTS_NEVUS_DOWNLOAD_H_
#define NEVUS_CLIENTS_NEVUS_DOWNLOAD_H_

#include <string>

#include "absl/status/status.h"

namespace nevus {

struct DownloadOptions {
  bool allow_http = false;     // else https alone, also after a redirect
  bool show_progress = false;  // curl's bar, on stderr
};

// Writes what is at `url` to `path`. FAILED_PRECONDITION (DOWNLOAD_FAILED) with
// curl's own words if it cannot be had or there is no curl; `path` may then
// hold a part.
absl::Status Download(const std::string& url, const std::string& path,
                      const DownloadOptions& options);

}  // namespace nevus

#endif  // NEVUS_CLIENTS_NEVUS_DOWNLOAD_H_
