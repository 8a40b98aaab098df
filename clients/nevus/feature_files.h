// Features as files that other programs read: NumPy's .npy with a table of its
// rows beside it, safetensors, and Parquet. Knows no server.
#ifndef NEVUS_CLIENTS_NEVUS_FEATURE_FILES_H_
#define NEVUS_CLIENTS_NEVUS_FEATURE_FILES_H_

#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "protos/nevus/v1/dataset.pb.h"

namespace nevus {

// What is known before the first feature.
struct FeatureTable {
  std::vector<v1::Example> rows;  // in the order of the features
  int dimension = 0;
  bool halves = false;  // fp16 in the file, else float32
  // Where the features come from, as texts; written where the format has room.
  std::map<std::string, std::string> about;
};

// A file that grows and appears under its name when it is whole. Thread-
// compatible.
class GrowingFile {
 public:
  // Folders on the way are made. FAILED_PRECONDITION: FILE_UNWRITABLE.
  static absl::StatusOr<std::unique_ptr<GrowingFile>> Create(
      const std::string& path);
  // Removes what was not finished.
  ~GrowingFile();

  absl::Status Write(std::string_view bytes);
  absl::Status Finish();
  int64_t size() const { return size_; }

 private:
  explicit GrowingFile(const std::string& path);

  const std::string path_;
  const std::string partial_;
  std::ofstream file_;
  int64_t size_ = 0;
  bool finished_ = false;
};

// Thread-compatible.
class FeatureWriter {
 public:
  virtual ~FeatureWriter() = default;
  // The next row's feature, packed (base/packed_floats.h). FAILED_PRECONDITION
  // (NOT_HALVES) if the table is of halves and this is not.
  virtual absl::Status Add(std::string_view packed) = 0;
  // After all rows: the files are there. They are not before.
  virtual absl::Status Finish() = 0;
};

// `table` must outlive them. Errors: those of GrowingFile::Create.
//
// Makes the directory `to` with features.npy (format 1.0, C order) and rows.csv
// (id, image, split, label, group).
absl::StatusOr<std::unique_ptr<FeatureWriter>> NewNpyWriter(
    const FeatureTable& table, const std::string& to);
// One file: the tensor "features"; rows as JSON lists in its metadata.
absl::StatusOr<std::unique_ptr<FeatureWriter>> NewSafetensorsWriter(
    const FeatureTable& table, const std::string& to);
// One file: columns id, image, split, label, group, and features, a list of
// float32 whatever `table.halves` says. Plain, uncompressed.
absl::StatusOr<std::unique_ptr<FeatureWriter>> NewParquetWriter(
    const FeatureTable& table, const std::string& to);

// The texts of a row: id, image, split, label, group; and their names.
std::vector<std::string> RowTexts(const v1::Example& row);
const std::vector<std::string>& RowTextNames();

// The numbers of `packed` as they stand in a file: halves or floats.
// FAILED_PRECONDITION: NOT_HALVES; INTERNAL: not `dimension` numbers.
absl::StatusOr<std::string> RowBytes(std::string_view packed, int dimension,
                                     bool halves);

}  // namespace nevus

#endif  // NEVUS_CLIENTS_NEVUS_FEATURE_FILES_H_
