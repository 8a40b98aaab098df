#include "clients/nevus/feature_files.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/name.h"
#include "base/packed_floats.h"
#include "base/status.h"
#include "clients/cpp/files.h"
#include "clients/nevus/output.h"

namespace nevus {
namespace {

namespace fs = std::filesystem;

absl::Status Unwritable(const std::string& path, const std::string& cause) {
  return WithReason(absl::FailedPreconditionError(
                        absl::StrCat("cannot write ", Quoted(path), ": ", cause,
                                     "; choose another place, or make room")),
                    "FILE_UNWRITABLE");
}

// The header of NumPy's format 1.0 (numpy.lib.format): its length is such that
// the numbers begin at a multiple of 64.
std::string NpyHeader(const FeatureTable& table) {
  std::string text =
      absl::StrCat("{'descr': '", table.halves ? "<f2" : "<f4",
                   "', 'fortran_order': False, 'shape': (", table.rows.size(),
                   ", ", table.dimension, "), }");
  constexpr size_t kBefore = 10;
  text.append(63 - (kBefore + text.size()) % 64, ' ');
  text += '\n';
  std::string header("\x93NUMPY\x01\x00", 8);
  header += static_cast<char>(text.size() & 0xFF);
  header += static_cast<char>(text.size() >> 8);
  return header + text;
}

class NpyWriter : public FeatureWriter {
 public:
  NpyWriter(const FeatureTable& table, std::string to,
            std::unique_ptr<GrowingFile> file)
      : table_(table), to_(std::move(to)), file_(std::move(file)) {}

  absl::Status Add(std::string_view packed) override {
    ASSIGN_OR_RETURN(const std::string bytes,
                     RowBytes(packed, table_.dimension, table_.halves));
    return file_->Write(bytes);
  }

  absl::Status Finish() override {
    std::string csv = CsvLine(RowTextNames());
    for (const v1::Example& row : table_.rows) csv += CsvLine(RowTexts(row));
    RETURN_IF_ERROR(WriteFile(to_ + "/rows.csv", csv));
    return file_->Finish();
  }

 private:
  const FeatureTable& table_;
  const std::string to_;
  const std::unique_ptr<GrowingFile> file_;
};

// The header of the safetensors format: its length as 8 bytes little-endian,
// then JSON, filled up with spaces so that the numbers begin at a multiple of
// 8.
std::string SafetensorsHeader(const FeatureTable& table) {
  Json metadata = Json::object();
  for (const auto& [name, text] : table.about) metadata[name] = text;
  const std::vector<std::string>& names = RowTextNames();
  std::vector<Json> columns(names.size(), Json::array());
  for (const v1::Example& row : table.rows) {
    const std::vector<std::string> texts = RowTexts(row);
    for (size_t i = 0; i < texts.size(); ++i) columns[i].push_back(texts[i]);
  }
  // The format has texts only: a list is its JSON.
  for (size_t i = 0; i < names.size(); ++i) {
    metadata[names[i]] = JsonText(columns[i]);
  }
  const uint64_t bytes = (table.halves ? 2 : 4) * table.rows.size() *
                         static_cast<uint64_t>(table.dimension);
  const Json header = {{"__metadata__", metadata},
                       {"features",
                        {{"dtype", table.halves ? "F16" : "F32"},
                         {"shape", {table.rows.size(), table.dimension}},
                         {"data_offsets", {0, bytes}}}}};
  std::string text = JsonText(header);
  text.append((8 - text.size() % 8) % 8, ' ');
  std::string length;
  for (int shift = 0; shift < 64; shift += 8) {
    length += static_cast<char>(uint64_t{text.size()} >> shift);
  }
  return length + text;
}

class SafetensorsWriter : public FeatureWriter {
 public:
  SafetensorsWriter(const FeatureTable& table,
                    std::unique_ptr<GrowingFile> file)
      : table_(table), file_(std::move(file)) {}

  absl::Status Add(std::string_view packed) override {
    ASSIGN_OR_RETURN(const std::string bytes,
                     RowBytes(packed, table_.dimension, table_.halves));
    return file_->Write(bytes);
  }
  absl::Status Finish() override { return file_->Finish(); }

 private:
  const FeatureTable& table_;
  const std::unique_ptr<GrowingFile> file_;
};

}  // namespace

GrowingFile::GrowingFile(const std::string& path)
    : path_(path),
      partial_(path + ".partial"),
      file_(partial_, std::ios::binary | std::ios::trunc) {}

GrowingFile::~GrowingFile() {
  if (finished_) return;
  file_.close();
  std::error_code error;
  fs::remove(partial_, error);
}

absl::StatusOr<std::unique_ptr<GrowingFile>> GrowingFile::Create(
    const std::string& path) {
  std::error_code error;
  const fs::path parent = fs::path(path).parent_path();
  if (!parent.empty()) fs::create_directories(parent, error);
  auto file = std::unique_ptr<GrowingFile>(new GrowingFile(path));
  if (!file->file_) return Unwritable(path, std::strerror(errno));
  return file;
}

absl::Status GrowingFile::Write(std::string_view bytes) {
  file_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!file_) return Unwritable(path_, std::strerror(errno));
  size_ += static_cast<int64_t>(bytes.size());
  return absl::OkStatus();
}

absl::Status GrowingFile::Finish() {
  file_.close();
  if (!file_) return Unwritable(path_, std::strerror(errno));
  std::error_code error;
  fs::rename(partial_, path_, error);
  if (error) return Unwritable(path_, error.message());
  finished_ = true;
  return absl::OkStatus();
}

std::vector<std::string> RowTexts(const v1::Example& row) {
  return {row.id(), row.image_digest(),
          absl::AsciiStrToLower(v1::Split_Name(row.split())), row.label(),
          row.group()};
}

const std::vector<std::string>& RowTextNames() {
  static const auto* const names =
      new std::vector<std::string>{"id", "image", "split", "label", "group"};
  return *names;
}

absl::StatusOr<std::string> RowBytes(std::string_view packed, int dimension,
                                     bool halves) {
  const size_t count = dimension;
  if (!IsPacked(packed, count)) {
    return absl::InternalError(absl::StrCat(
        "the server sent a feature of ", packed.size(),
        " bytes that is none "
        "of ",
        dimension,
        " numbers; check that server and client are of one version"));
  }
  const std::string_view numbers = packed.substr(1);
  if (numbers.size() == 2 * count && halves) return std::string(numbers);
  if (halves) {
    return WithReason(
        absl::FailedPreconditionError("a feature does not fit into fp16; "
                                      "write float32"),
        "NOT_HALVES");
  }
  if (numbers.size() == 4 * count) return std::string(numbers);
  std::vector<float> values(count);
  UnpackFloats(packed, count, values.data());
  return std::string(reinterpret_cast<const char*>(values.data()), 4 * count);
}

absl::StatusOr<std::unique_ptr<FeatureWriter>> NewNpyWriter(
    const FeatureTable& table, const std::string& to) {
  ASSIGN_OR_RETURN(std::unique_ptr<GrowingFile> file,
                   GrowingFile::Create(to + "/features.npy"));
  RETURN_IF_ERROR(file->Write(NpyHeader(table)));
  return std::make_unique<NpyWriter>(table, to, std::move(file));
}

absl::StatusOr<std::unique_ptr<FeatureWriter>> NewSafetensorsWriter(
    const FeatureTable& table, const std::string& to) {
  ASSIGN_OR_RETURN(std::unique_ptr<GrowingFile> file, GrowingFile::Create(to));
  RETURN_IF_ERROR(file->Write(SafetensorsHeader(table)));
  return std::make_unique<SafetensorsWriter>(table, std::move(file));
}

}  // namespace nevus
