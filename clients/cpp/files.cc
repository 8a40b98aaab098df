#include "clients/cpp/files.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "base/name.h"
#include "base/rpc/channel.h"
#include "base/status.h"

namespace nevus {
namespace {

namespace fs = std::filesystem;

absl::StatusOr<int64_t> RegularFileBytes(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) {
    return WithReason(
        absl::NotFoundError(absl::StrCat("there is no file ", Quoted(path),
                                         "; check the path")),
        "FILE_UNREADABLE");
  }
  if (status.type() != fs::file_type::regular) {
    return WithReason(absl::FailedPreconditionError(absl::StrCat(
                          Quoted(path), " is not a regular file; name a file")),
                      "FILE_UNREADABLE");
  }
  const auto bytes = fs::file_size(path, error);
  if (error) {
    return WithReason(absl::FailedPreconditionError(absl::StrCat(
                          "cannot read ", Quoted(path), ": ", error.message())),
                      "FILE_UNREADABLE");
  }
  return static_cast<int64_t>(bytes);
}

absl::Status Unreadable(const std::string& path) {
  return WithReason(absl::FailedPreconditionError(absl::StrCat(
                        "cannot read ", Quoted(path), ": ",
                        std::strerror(errno), "; check its permissions")),
                    "FILE_UNREADABLE");
}

absl::Status Unwritable(const std::string& path, const std::string& cause) {
  return WithReason(
      absl::FailedPreconditionError(absl::StrCat(
          "cannot write ", Quoted(path), ": ", cause,
          "; choose a folder that can be written and has space left")),
      "FILE_UNWRITABLE");
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path,
                                     int64_t max_bytes) {
  ASSIGN_OR_RETURN(const int64_t bytes, RegularFileBytes(path));
  if (bytes > max_bytes) {
    return WithReason(absl::InvalidArgumentError(absl::StrCat(
                          Quoted(path), " has ", bytes, " bytes; the most is ",
                          max_bytes, ". Scale it down")),
                      "IMAGE_TOO_LARGE");
  }
  std::ifstream file(path, std::ios::binary);
  std::string content(static_cast<size_t>(bytes), '\0');
  if (!file) return Unreadable(path);
  file.read(content.data(), bytes);
  if (file.bad()) return Unreadable(path);
  content.resize(static_cast<size_t>(file.gcount()));
  return content;
}

absl::Status ReadFileInChunks(
    const std::string& path,
    const std::function<absl::Status(std::string chunk)>& receive) {
  RETURN_IF_ERROR(RegularFileBytes(path).status());
  std::ifstream file(path, std::ios::binary);
  if (!file) return Unreadable(path);
  while (file) {
    std::string chunk(kChunkBytes, '\0');
    file.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
    if (file.bad()) return Unreadable(path);
    chunk.resize(static_cast<size_t>(file.gcount()));
    if (!chunk.empty()) RETURN_IF_ERROR(receive(std::move(chunk)));
  }
  return absl::OkStatus();
}

absl::Status WriteFile(const std::string& path, const std::string& bytes) {
  std::error_code error;
  const fs::path parent = fs::path(path).parent_path();
  if (!parent.empty()) fs::create_directories(parent, error);
  const std::string partial = path + ".partial";
  {
    std::ofstream file(partial, std::ios::binary | std::ios::trunc);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    file.close();
    if (!file) {
      const std::string cause = std::strerror(errno);
      fs::remove(partial, error);
      return Unwritable(path, cause);
    }
  }
  fs::rename(partial, path, error);
  if (error) {
    const std::string cause = error.message();
    fs::remove(partial, error);
    return Unwritable(path, cause);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> ListFiles(
    const std::string& directory) {
  std::error_code error;
  std::vector<std::string> names;
  fs::directory_iterator at(directory, error);
  for (; !error && at != fs::directory_iterator(); at.increment(error)) {
    std::error_code ignored;  // a file that vanishes is not listed
    const std::string name = at->path().filename().string();
    if (name[0] != '.' && at->is_regular_file(ignored)) names.push_back(name);
  }
  if (error) {
    return WithReason(absl::NotFoundError(absl::StrCat(
                          "cannot list the directory ", Quoted(directory), ": ",
                          error.message(), "; check the path")),
                      "DIRECTORY_UNREADABLE");
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool IsDirectory(const std::string& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

}  // namespace nevus
