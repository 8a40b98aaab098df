#include "services/training/feature_spool.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/name.h"
#include "base/packed_floats.h"
#include "base/status.h"

namespace nevus {
namespace {

// Written together.
constexpr size_t kBufferBytes = 4 << 20;

std::string SpoolDirectory() {
  const char* const chosen = std::getenv("TMPDIR");
  return chosen != nullptr && *chosen != '\0' ? chosen : "/var/tmp";
}

}  // namespace

absl::StatusOr<std::unique_ptr<FeatureSpool>> FeatureSpool::Create(
    int dimension) {
  std::string directory = SpoolDirectory();
  int file = open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
    // A file system without unnamed files.
    std::string path = directory + "/nevus-spool-XXXXXX";
    file = mkostemp(path.data(), O_CLOEXEC);
    if (file >= 0) unlink(path.c_str());
  }
  if (file < 0) {
    return WithReason(
        absl::FailedPreconditionError(absl::StrCat(
            "cannot make a temporary file in ", Quoted(directory), ": ",
            std::strerror(errno),
            "; features that do not fit into memory go there. Set TMPDIR to a "
            "directory on a disk that this worker may write")),
        "SPOOL_UNUSABLE");
  }
  return std::unique_ptr<FeatureSpool>(
      new FeatureSpool(std::move(directory), file, dimension));
}

FeatureSpool::FeatureSpool(std::string directory, int file, int dimension)
    : directory_(std::move(directory)), file_(file), dimension_(dimension) {}

FeatureSpool::~FeatureSpool() { close(file_); }

absl::Status FeatureSpool::Error(const std::string& doing) const {
  const std::string message = absl::StrCat(
      doing, " features in ", Quoted(directory_), ": ", std::strerror(errno));
  if (errno == ENOSPC || errno == EDQUOT) {
    return WithReason(
        absl::ResourceExhaustedError(absl::StrCat(
            message, "; ", bytes_,
            " bytes are needed there so far. Make room, or set TMPDIR to a "
            "larger disk")),
        "DISK_FULL");
  }
  return absl::InternalError(absl::StrCat(message, "; check the disk"));
}

absl::Status FeatureSpool::Add(std::string_view packed) {
  added_.push_back(
      {bytes_, static_cast<int64_t>(packed.size()), Checksum64(packed)});
  buffer_ += packed;
  bytes_ += static_cast<int64_t>(packed.size());
  return buffer_.size() < kBufferBytes ? absl::OkStatus() : Flush();
}

absl::Status FeatureSpool::Flush() {
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const ssize_t written = write(file_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Error("writing");
    rest.remove_prefix(static_cast<size_t>(written));
  }
  buffer_.clear();
  return absl::OkStatus();
}

absl::Status FeatureSpool::Finish(std::vector<int64_t> added) {
  rows_ = std::move(added);
  RETURN_IF_ERROR(Flush());
  // Rows come in random order: what stands beside one is not wanted next.
  posix_fadvise(file_, 0, 0, POSIX_FADV_RANDOM);
  return absl::OkStatus();
}

absl::Status FeatureSpool::Read(const int64_t* rows, size_t count,
                                float* to) const {
  std::string bytes;
  for (size_t i = 0; i < count; ++i) {
    const Added& feature = added_[rows_[rows[i]]];
    bytes.resize(feature.size);
    for (size_t done = 0; done < bytes.size();) {
      const ssize_t got = pread(file_, &bytes[done], bytes.size() - done,
                                feature.at + static_cast<int64_t>(done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return Error("reading");
      if (got == 0) break;
      done += static_cast<size_t>(got);
    }
    if (Checksum64(bytes) != feature.checksum || !IsPacked(bytes, dimension_)) {
      return WithReason(
          absl::DataLossError(absl::StrCat(
              "the feature of row ", rows[i], " comes back from ",
              Quoted(directory_),
              " with other bytes than were written. Check that disk and the "
              "memory, then train again")),
          "SPOOL_DAMAGED");
    }
    UnpackFloats(bytes, dimension_, to);
    to += dimension_;
  }
  return absl::OkStatus();
}

void FeatureSpool::Expect(const int64_t* rows, size_t count) const {
  for (size_t i = 0; i < count; ++i) {
    const Added& feature = added_[rows_[rows[i]]];
    posix_fadvise(file_, feature.at, feature.size, POSIX_FADV_WILLNEED);
  }
}

}  // namespace nevus
