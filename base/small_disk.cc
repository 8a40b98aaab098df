#include "base/small_disk.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace nevus {
namespace {

absl::Status Cannot(const std::string& what) {
  return absl::FailedPreconditionError(absl::StrCat(
      "cannot ", what, ": ", std::strerror(errno),
      "; run the test as root, or where unprivileged user namespaces are on"));
}

bool WriteText(const char* path, const std::string& text) {
  const int file = open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0) return false;
  const ssize_t written = write(file, text.data(), text.size());
  close(file);
  return written == static_cast<ssize_t>(text.size());
}

// As root a namespace of mounts is enough; others need one of users too, in
// which they are root.
absl::Status OwnMounts() {
  const uid_t user = getuid();
  const gid_t group = getgid();
  if (unshare(CLONE_NEWNS) != 0) {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
      return Cannot("make a namespace of mounts");
    }
    if (!WriteText("/proc/self/setgroups", "deny") ||
        !WriteText("/proc/self/gid_map", absl::StrCat("0 ", group, " 1")) ||
        !WriteText("/proc/self/uid_map", absl::StrCat("0 ", user, " 1"))) {
      return Cannot("be root in a namespace of users");
    }
  }
  // What is mounted here must not be seen outside.
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return Cannot("make mounts private");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<SmallDisk>> SmallDisk::Mount(
    const std::string& dir, const std::string& options) {
  if (absl::Status own = OwnMounts(); !own.ok()) return own;
  if (mount("tmpfs", dir.c_str(), "tmpfs", 0, options.c_str()) != 0) {
    return Cannot("mount a tmpfs on " + dir);
  }
  return std::unique_ptr<SmallDisk>(new SmallDisk(dir));
}

SmallDisk::~SmallDisk() { umount2(dir_.c_str(), MNT_DETACH); }

bool WriteBallast(const std::string& path, size_t bytes) {
  const int file = open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  if (file < 0) return false;
  const std::string block(1 << 16, 'b');
  while (bytes > 0) {
    const ssize_t written =
        write(file, block.data(), std::min(bytes, block.size()));
    if (written <= 0) break;
    bytes -= static_cast<size_t>(written);
  }
  close(file);
  return bytes == 0;
}

}  // namespace nevus
