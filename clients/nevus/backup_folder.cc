#include "clients/nevus/backup_folder.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/name.h"
#include "base/status.h"
#include "clients/cpp/files.h"

namespace nevus {
namespace {

namespace fs = std::filesystem;

constexpr char kManifest[] = "manifest.json";
// Of the manifest and what it describes. Raise it with every change that an
// older program would restore wrongly.
constexpr int kFormat = 1;
constexpr int64_t kMaxManifestBytes = 1 << 20;

absl::Status Precondition(const std::string& message,
                          const std::string& reason) {
  return WithReason(absl::FailedPreconditionError(message), reason);
}

absl::Status Incomplete(const std::string& dir, const std::string& why) {
  return Precondition(absl::StrCat(dir, " is no whole backup: ", why,
                                   "; take another, or make this one again"),
                      "BACKUP_INCOMPLETE");
}

// -1 if it is not there.
int64_t BytesIn(const fs::path& dir) {
  std::error_code error;
  fs::directory_iterator files(dir, error);
  if (error) return -1;
  int64_t bytes = 0;
  for (const fs::directory_entry& entry : files) {
    const auto size = entry.file_size(error);
    if (!error) bytes += static_cast<int64_t>(size);
  }
  return bytes;
}

// What is wrong with the folders that `manifest` names; "" if nothing is.
std::string FindMissing(const std::string& dir,
                        const BackupManifest& manifest) {
  for (const auto& [service, bytes] : manifest.bytes) {
    const int64_t found = BytesIn(fs::path(dir) / service);
    if (found < 0) return absl::StrCat("the folder ", service, " is missing");
    if (found != bytes) {
      return absl::StrCat("the folder ", service, " has ", found,
                          " bytes, not ", bytes);
    }
  }
  return "";
}

// Makes what was written to a file, or the names in a directory, survive.
absl::Status Sync(const fs::path& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool is_synced = file >= 0 && fsync(file) == 0;
  const int error = errno;
  if (file >= 0) close(file);
  if (is_synced) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("cannot sync ", path.string(), ": ", std::strerror(error)));
}

absl::Status FromError(const std::error_code& error, const std::string& what) {
  if (!error) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(what, ": ", error.message()));
}

absl::Status CopyFolder(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::create_directory(to, error);
  RETURN_IF_ERROR(FromError(error, "making " + to.string()));
  for (const fs::directory_entry& entry : fs::directory_iterator(from, error)) {
    const fs::path target = to / entry.path().filename();
    fs::copy_file(entry.path(), target, error);
    RETURN_IF_ERROR(FromError(error, "copying to " + target.string()));
    RETURN_IF_ERROR(Sync(target));
  }
  RETURN_IF_ERROR(FromError(error, "reading " + from.string()));
  return Sync(to);
}

absl::Status CopyAll(const fs::path& from, const BackupManifest& manifest,
                     const fs::path& to,
                     const std::function<void(const std::string&)>& copied) {
  // Renamed when it is whole.
  fs::path half = to;
  half += ".restoring";
  std::error_code error;
  fs::remove_all(half, error);
  fs::create_directories(half, error);
  RETURN_IF_ERROR(FromError(error, "making " + half.string()));
  for (const auto& [service, bytes] : manifest.bytes) {
    RETURN_IF_ERROR(CopyFolder(from / service, half / service));
    copied(service);
  }
  RETURN_IF_ERROR(Sync(half));
  fs::rename(half, to, error);
  RETURN_IF_ERROR(FromError(error, "renaming to " + to.string()));
  return Sync(to.parent_path());
}

}  // namespace

const std::vector<std::string>& BackupOrder() {
  static const auto* const order = new std::vector<std::string>{
      "scheduler", "serving", "registry", "extraction", "ingestion"};
  return *order;
}

Json ToJson(const BackupManifest& manifest) {
  Json json = {{"format", kFormat},
               {"version", manifest.version},
               {"time", manifest.time},
               {"services", Json::object()}};
  for (const auto& [service, bytes] : manifest.bytes) {
    json["services"][service] = {{"bytes", bytes}};
  }
  return json;
}

absl::Status CheckEmpty(const std::string& dir) {
  std::error_code error;
  if (!fs::exists(dir, error)) return absl::OkStatus();
  if (fs::is_directory(dir, error) && fs::is_empty(dir, error) && !error) {
    return absl::OkStatus();
  }
  return Precondition(
      absl::StrCat(dir, " is there and not an empty directory; give another"),
      "DIRECTORY_NOT_EMPTY");
}

absl::Status WriteManifest(const std::string& dir,
                           const BackupManifest& manifest) {
  const std::string missing = FindMissing(dir, manifest);
  if (!missing.empty()) {
    return Precondition(
        absl::StrCat("the servers wrote to ", dir, ", but ", missing,
                     " here; run nevus on their machine, or give a directory "
                     "that all of them share"),
        "BACKUP_NOT_HERE");
  }
  const std::string path = absl::StrCat(dir, "/", kManifest);
  absl::Status written = WriteFile(path, JsonText(ToJson(manifest)));
  if (written.ok()) written = Sync(path);
  if (written.ok()) written = Sync(dir);
  if (written.ok()) return written;
  return WithReason(written, "BACKUP_UNWRITABLE");
}

absl::StatusOr<BackupManifest> ReadManifest(const std::string& dir) {
  const absl::StatusOr<std::string> text =
      ReadFile(absl::StrCat(dir, "/", kManifest), kMaxManifestBytes);
  if (!text.ok()) {
    return Incomplete(
        dir, absl::StrCat("it has no ", kManifest, ", which is written last"));
  }
  const Json json = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  const bool is_manifest = json.is_object() && json.contains("format") &&
                           json["format"].is_number_integer() &&
                           json.contains("services") &&
                           json["services"].is_object();
  if (!is_manifest) {
    return Incomplete(dir, absl::StrCat("its ", kManifest, " is damaged"));
  }
  if (json["format"].get<int>() > kFormat) {
    return Precondition(
        absl::StrCat(
            "the backup in ", dir, " has format ", json["format"].get<int>(),
            "; this program knows formats "
            "up to ",
            kFormat, ": restore it with the newer program that wrote it"),
        "BACKUP_NEWER");
  }
  BackupManifest manifest;
  manifest.version = json.value("version", "");
  manifest.time = json.value("time", "");
  for (const auto& [service, about] : json["services"].items()) {
    if (!CheckName("service", service).ok() || !about.is_object()) {
      return Incomplete(dir, absl::StrCat("its ", kManifest, " is damaged"));
    }
    manifest.bytes[service] = about.value("bytes", int64_t{-1});
  }
  const std::string missing = FindMissing(dir, manifest);
  if (!missing.empty()) return Incomplete(dir, missing);
  return manifest;
}

absl::Status CopyBackup(
    const std::string& from, const BackupManifest& manifest,
    const std::string& to,
    const std::function<void(const std::string& service)>& copied) {
  RETURN_IF_ERROR(CheckEmpty(to));
  const absl::Status status =
      CopyAll(from, manifest, fs::absolute(to).lexically_normal(), copied);
  if (status.ok()) return status;
  return Precondition(
      absl::StrCat(status.message(), "; ", to,
                   " was not made: free some space or give another, then try "
                   "again"),
      "RESTORE_FAILED");
}

}  // namespace nevus
