// The Parquet file format (apache/parquet-format), as much of it as this table
// needs: required columns, plain encoding, no compression, data pages of
// version 1, one a column and row group. Its structures are Thrift's in the
// compact protocol. Debian 12 has no library for it.
#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/packed_floats.h"
#include "base/status.h"
#include "clients/nevus/feature_files.h"

namespace nevus {
namespace {

// Of parquet.thrift.
enum Type { kFloat = 4, kByteArray = 6 };
enum Repetition { kRequired = 0, kRepeated = 2 };
enum Converted { kUtf8 = 0, kList = 3 };
enum Encoding { kPlain = 0, kRle = 3 };

constexpr char kMagic[] = "PAR1";
// Numbers of a row group: what is held in memory, and read, together.
constexpr int64_t kGroupNumbers = 8 << 20;

void AppendVarint(uint64_t value, std::string& bytes) {
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  bytes += static_cast<char>(value);
}

void AppendLittleEndian(uint32_t value, std::string& bytes) {
  for (int shift = 0; shift < 32; shift += 8) {
    bytes += static_cast<char>(value >> shift);
  }
}

// A Thrift struct in the compact protocol: each field says how far its number
// is from the last one's, and its type.
class Struct {
 public:
  Struct& Int(int id, int32_t value) {
    Field(id, 5);
    AppendZigzag(value);
    return *this;
  }
  Struct& Long(int id, int64_t value) {
    Field(id, 6);
    AppendZigzag(value);
    return *this;
  }
  Struct& Text(int id, std::string_view text) {
    Field(id, 8);
    AppendText(text);
    return *this;
  }
  Struct& Nested(int id, const Struct& value) {
    Field(id, 12);
    bytes_ += value.Bytes();
    return *this;
  }
  Struct& Ints(int id, const std::vector<int32_t>& values) {
    ListOf(id, 5, values.size());
    for (const int32_t value : values) AppendZigzag(value);
    return *this;
  }
  Struct& Texts(int id, const std::vector<std::string>& values) {
    ListOf(id, 8, values.size());
    for (const std::string& value : values) AppendText(value);
    return *this;
  }
  Struct& Structs(int id, const std::vector<Struct>& values) {
    ListOf(id, 12, values.size());
    for (const Struct& value : values) bytes_ += value.Bytes();
    return *this;
  }
  std::string Bytes() const { return bytes_ + '\0'; }

 private:
  // Fields come in order and are less than 16 apart.
  void Field(int id, int type) {
    bytes_ += static_cast<char>((id - last_) << 4 | type);
    last_ = id;
  }
  void ListOf(int id, int type, size_t size) {
    Field(id, 9);
    if (size < 15) {
      bytes_ += static_cast<char>(size << 4 | type);
    } else {
      bytes_ += static_cast<char>(0xF0 | type);
      AppendVarint(size, bytes_);
    }
  }
  void AppendZigzag(int64_t value) {
    AppendVarint(
        static_cast<uint64_t>(value) << 1 ^ static_cast<uint64_t>(value >> 63),
        bytes_);
  }
  void AppendText(std::string_view text) {
    AppendVarint(text.size(), bytes_);
    bytes_ += text;
  }

  std::string bytes_;
  int last_ = 0;
};

// `count` times `level`, 0 or 1, as one run.
void AppendRun(uint64_t count, int level, std::string& bytes) {
  if (count == 0) return;
  AppendVarint(count << 1, bytes);
  bytes += static_cast<char>(level);
}

void AppendLevels(const std::string& runs, std::string& page) {
  AppendLittleEndian(static_cast<uint32_t>(runs.size()), page);
  page += runs;
}

Struct Column(const std::string& name, Type type) {
  Struct element;
  element.Int(1, type).Int(3, kRequired).Text(4, name);
  if (type == kByteArray) element.Int(6, kUtf8);
  return element;
}

// The root, then each column in the order of a walk through the tree. A list is
// a group with a repeated group with the elements.
std::vector<Struct> Schema() {
  std::vector<Struct> schema;
  schema.emplace_back();
  schema.back()
      .Text(4, "features")
      .Int(5, static_cast<int32_t>(RowTextNames().size()) + 1);
  for (const std::string& name : RowTextNames()) {
    schema.push_back(Column(name, kByteArray));
  }
  schema.emplace_back();
  schema.back().Int(3, kRequired).Text(4, "features").Int(5, 1).Int(6, kList);
  schema.emplace_back();
  schema.back().Int(3, kRepeated).Text(4, "list").Int(5, 1);
  schema.push_back(Column("element", kFloat));
  return schema;
}

class ParquetWriter : public FeatureWriter {
 public:
  ParquetWriter(const FeatureTable& table, std::unique_ptr<GrowingFile> file)
      : table_(table), file_(std::move(file)), texts_(RowTextNames().size()) {}

  absl::Status Add(std::string_view packed) override {
    ASSIGN_OR_RETURN(const std::string numbers,
                     RowBytes(packed, table_.dimension, /*halves=*/false));
    const std::vector<std::string> texts = RowTexts(table_.rows[row_++]);
    for (size_t i = 0; i < texts.size(); ++i) {
      AppendLittleEndian(static_cast<uint32_t>(texts[i].size()), texts_[i]);
      texts_[i] += texts[i];
    }
    numbers_ += numbers;
    ++group_rows_;
    return group_rows_ * table_.dimension < kGroupNumbers ? absl::OkStatus()
                                                          : EndGroup();
  }

  absl::Status Finish() override {
    if (group_rows_ > 0) RETURN_IF_ERROR(EndGroup());
    std::vector<Struct> about;
    for (const auto& [name, text] : table_.about) {
      about.emplace_back();
      about.back().Text(1, name).Text(2, text);
    }
    Struct metadata;
    metadata.Int(1, 1)
        .Structs(2, Schema())
        .Long(3, static_cast<int64_t>(table_.rows.size()))
        .Structs(4, groups_)
        .Structs(5, about)
        .Text(6, "nevus");
    std::string footer = metadata.Bytes();
    AppendLittleEndian(static_cast<uint32_t>(footer.size()), footer);
    RETURN_IF_ERROR(file_->Write(footer + kMagic));
    return file_->Finish();
  }

 private:
  absl::Status EndGroup() {
    std::vector<Struct> columns;
    const int64_t begin = file_->size();
    for (size_t i = 0; i < texts_.size(); ++i) {
      RETURN_IF_ERROR(WriteColumn({RowTextNames()[i]}, kByteArray, group_rows_,
                                  texts_[i], columns));
      texts_[i].clear();
    }
    // A row begins where an element repeats nothing; every element is there.
    std::string repetitions, definitions, page;
    for (int64_t row = 0; row < group_rows_; ++row) {
      AppendRun(1, 0, repetitions);
      AppendRun(table_.dimension - 1, 1, repetitions);
    }
    const int64_t count = group_rows_ * table_.dimension;
    AppendRun(count, 1, definitions);
    AppendLevels(repetitions, page);
    AppendLevels(definitions, page);
    page += numbers_;
    numbers_.clear();
    RETURN_IF_ERROR(WriteColumn({"features", "list", "element"}, kFloat, count,
                                page, columns));
    Struct group;
    group.Structs(1, columns)
        .Long(2, file_->size() - begin)
        .Long(3, group_rows_);
    groups_.push_back(std::move(group));
    group_rows_ = 0;
    return absl::OkStatus();
  }

  // One page, and its entry in `columns`.
  absl::Status WriteColumn(const std::vector<std::string>& path, Type type,
                           int64_t count, const std::string& page,
                           std::vector<Struct>& columns) {
    Struct data_page;
    data_page.Int(1, static_cast<int32_t>(count))
        .Int(2, kPlain)
        .Int(3, kRle)
        .Int(4, kRle);
    Struct header;
    header.Int(1, 0)
        .Int(2, static_cast<int32_t>(page.size()))
        .Int(3, static_cast<int32_t>(page.size()))
        .Nested(5, data_page);
    const int64_t begin = file_->size();
    RETURN_IF_ERROR(file_->Write(header.Bytes()));
    RETURN_IF_ERROR(file_->Write(page));
    const int64_t size = file_->size() - begin;
    Struct metadata;
    metadata.Int(1, type)
        .Ints(2, {kPlain, kRle})
        .Texts(3, path)
        .Int(4, 0)
        .Long(5, count)
        .Long(6, size)
        .Long(7, size)
        .Long(9, begin);
    Struct column;
    column.Long(2, begin).Nested(3, metadata);
    columns.push_back(std::move(column));
    return absl::OkStatus();
  }

  const FeatureTable& table_;
  const std::unique_ptr<GrowingFile> file_;
  size_t row_ = 0;
  // Of the row group that has not ended.
  int64_t group_rows_ = 0;
  std::vector<std::string> texts_;
  std::string numbers_;
  std::vector<Struct> groups_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<FeatureWriter>> NewParquetWriter(
    const FeatureTable& table, const std::string& to) {
  ASSIGN_OR_RETURN(std::unique_ptr<GrowingFile> file, GrowingFile::Create(to));
  RETURN_IF_ERROR(file->Write(kMagic));
  return std::make_unique<ParquetWriter>(table, std::move(file));
}

}  // namespace nevus
