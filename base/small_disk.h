// A disk that a test can fill: a tmpfs of the test's own, seen by nobody else.
#ifndef NEVUS_BASE_SMALL_DISK_H_
#define NEVUS_BASE_SMALL_DISK_H_

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace nevus {

class SmallDisk {
 public:
  // Mounts a tmpfs on the directory `dir` with `options`, such as "size=48m".
  // Seen by this thread, and by threads and processes that it starts from now
  // on. FAILED_PRECONDITION, saying why, where a test may not mount: it is then
  // skipped. Who is not root must call this before there are other threads.
  static absl::StatusOr<std::unique_ptr<SmallDisk>> Mount(
      const std::string& dir, const std::string& options);
  // Unmounts it; REQUIRES: in the same thread.
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

 private:
  explicit SmallDisk(std::string dir) : dir_(std::move(dir)) {}

  const std::string dir_;
};

// Makes `path` a file of so many bytes. False: there is no space for all; then
// what fits is there.
bool WriteBallast(const std::string& path, size_t bytes);

}  // namespace nevus

#endif  // NEVUS_BASE_SMALL_DISK_H_
