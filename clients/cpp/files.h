// Whole files of this machine with absl::Status. Knows no noun of Nevus.
#ifndef NEVUS_CLIENTS_CPP_FILES_H_
#define NEVUS_CLIENTS_CPP_FILES_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace nevus {

// The bytes of a regular file. NOT_FOUND or FAILED_PRECONDITION with the reason
// FILE_UNREADABLE; INVALID_ARGUMENT (IMAGE_TOO_LARGE) for more than
// `max_bytes`, found before they are read.
absl::StatusOr<std::string> ReadFile(const std::string& path,
                                     int64_t max_bytes);

// Gives a regular file to `receive` in pieces of at most kChunkBytes.
absl::Status ReadFileInChunks(
    const std::string& path,
    const std::function<absl::Status(std::string chunk)>& receive);

// Writes a file beside `path` and renames it, so that nobody sees half of it.
// Folders on the way are made. FAILED_PRECONDITION: FILE_UNWRITABLE.
absl::Status WriteFile(const std::string& path, const std::string& bytes);

// Names of the regular files in `directory`, sorted, without hidden ones. Not
// recursive. NOT_FOUND: no such directory.
absl::StatusOr<std::vector<std::string>> ListFiles(
    const std::string& directory);

bool IsDirectory(const std::string& path);

}  // namespace nevus

#endif  // NEVUS_CLIENTS_CPP_FILES_H_
