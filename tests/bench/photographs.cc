#include "tests/bench/photographs.h"

#include "absl/strings/str_cat.h"
#include "base/name.h"
#include "base/status.h"
#include "clients/cpp/files.h"
#include "clients/nevus/command.h"
#include "clients/synthetic/synthetic.h"

namespace nevus {
namespace {

constexpr uint64_t kSeed = 1;
constexpr int64_t kMaxImageBytes = 64 << 20;

absl::StatusOr<ExampleFile> WriteSynthetic(int index, int side,
                                           const std::string& directory) {
  const SyntheticImage image = Generate(kSeed, index, side);
  ExampleFile file;
  file.path = absl::StrCat(directory, "/", image.name, ".jpg");
  file.example.set_id(image.name);
  file.example.set_label(image.label);
  (*file.example.mutable_attributes())["synthetic"] = "true";
  RETURN_IF_ERROR(WriteFile(file.path, image.jpeg));
  return file;
}

}  // namespace

absl::StatusOr<std::vector<ExampleFile>> FindPhotographs(
    const std::string& directory, int count, const std::string& generated,
    int side) {
  std::vector<std::string> names;
  if (!directory.empty()) {
    ASSIGN_OR_RETURN(names, ListFiles(directory));
    if (static_cast<int>(names.size()) < count) {
      return UsageError(absl::StrCat(
          Quoted(directory), " has ", names.size(), " files and ", count,
          " are needed; lower --count or --repeats, or give another folder"));
    }
  }
  std::vector<ExampleFile> files;
  for (int i = 0; i < count; ++i) {
    ExampleFile file;
    if (directory.empty()) {
      ASSIGN_OR_RETURN(file, WriteSynthetic(i, side, generated));
    } else {
      file.path = absl::StrCat(directory, "/", names[i]);
      file.example.set_id(names[i]);
      // The benches that learn draw their own images.
      file.example.set_label("unknown");
    }
    file.example.set_split(i % 4 == 3 ? v1::VALIDATION : v1::TRAIN);
    files.push_back(std::move(file));
  }
  return files;
}

absl::StatusOr<std::vector<std::string>> ReadPhotographs(
    const std::vector<ExampleFile>& files) {
  std::vector<std::string> photographs;
  for (const ExampleFile& file : files) {
    ASSIGN_OR_RETURN(std::string bytes, ReadFile(file.path, kMaxImageBytes));
    photographs.push_back(std::move(bytes));
  }
  return photographs;
}

std::string DescribePhotographs(const std::string& directory, int count,
                                int side) {
  return directory.empty()
             ? absl::StrCat(count, " synthetic JPEGs of ", side, " x ", side)
             : absl::StrCat(count, " files of ", directory);
}

}  // namespace nevus
