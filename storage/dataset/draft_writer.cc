#include "storage/dataset/draft_writer.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/name.h"
#include "base/status.h"
#include "storage/dataset/dataset_content.h"
#include "storage/dataset/dataset_keys.h"
#include "storage/engine/record.h"

namespace nevus {
namespace {

v1::ImportOutcome Refused(const std::string& id, const std::string& reason,
                          const std::string& message) {
  v1::ImportOutcome outcome;
  outcome.set_id(id);
  outcome.set_result(v1::ImportOutcome::REFUSED);
  outcome.set_reason(reason);
  outcome.set_message(message);
  return outcome;
}

}  // namespace

absl::StatusOr<v1::ImportOutcome> DraftWriter::Add(const v1::Example& row,
                                                   std::string image) {
  v1::ImportOutcome outcome;
  outcome.set_id(row.id());
  outcome.set_image_digest(row.image_digest());
  ASSIGN_OR_RETURN(const v1::Example* const stored, FindRow(row.id()));
  if (stored != nullptr) {
    const std::string conflict = FindConflict(*stored, row);
    if (!conflict.empty()) {
      return Refused(row.id(), "EXAMPLE_CONFLICT",
                     absl::StrCat("example ", Quoted(row.id()),
                                  " is there with other content: ", conflict,
                                  "; rows stay as they came: give the new one "
                                  "another id, or import what is right into a "
                                  "new dataset"));
    }
    outcome.set_result(v1::ImportOutcome::ALREADY_THERE);
    return outcome;
  }
  if (!row.group().empty() && row.split() != v1::SPLIT_UNSPECIFIED) {
    ASSIGN_OR_RETURN(const v1::Split split, FindSplit(row.group()));
    if (split != v1::SPLIT_UNSPECIFIED && split != row.split()) {
      return Refused(
          row.id(), "GROUP_IN_TWO_SPLITS",
          absl::StrCat("group ", Quoted(row.group()), " of example ",
                       Quoted(row.id()), " stands in ", SplitText(split),
                       "; a group falls whole into one split, so put the ",
                       "example there, not in ", SplitText(row.split())));
    }
  }
  RETURN_IF_ERROR(Take(row, std::move(image)));
  outcome.set_result(v1::ImportOutcome::TAKEN);
  return outcome;
}

absl::StatusOr<const v1::Example*> DraftWriter::FindRow(const std::string& id) {
  auto found = rows_.find(id);
  if (found == rows_.end()) {
    absl::StatusOr<v1::Example> row =
        GetRecord<v1::Example>(store_, RowKey(record_.name(), 0, id));
    if (absl::IsNotFound(row.status())) return nullptr;
    RETURN_IF_ERROR(row.status());
    found = rows_.emplace(id, *std::move(row)).first;
  }
  return &found->second;
}

absl::StatusOr<v1::Split> DraftWriter::FindSplit(const std::string& group) {
  const auto found = groups_.find(group);
  if (found != groups_.end()) return found->second;
  const std::string key = GroupKey(record_.name(), group);
  const absl::StatusOr<std::string> text = GetText(store_, key);
  if (absl::IsNotFound(text.status())) return v1::SPLIT_UNSPECIFIED;
  RETURN_IF_ERROR(text.status());
  v1::Split split;
  if (!v1::Split_Parse(*text, &split)) {
    return DamagedValue(key, "names no split");
  }
  groups_[group] = split;
  return split;
}

absl::Status DraftWriter::Take(const v1::Example& row, std::string image) {
  RETURN_IF_ERROR(TakeImage(row.image_digest(), std::move(image)));
  batch_.push_back(PutRecord(RowKey(record_.name(), 0, row.id()), row));
  rows_.emplace(row.id(), row);
  if (!row.group().empty() && row.split() != v1::SPLIT_UNSPECIFIED &&
      groups_.emplace(row.group(), row.split()).second) {
    batch_.push_back(PutText(GroupKey(record_.name(), row.group()),
                             v1::Split_Name(row.split())));
  }
  record_.set_draft_examples(record_.draft_examples() + 1);
  ++(*record_.mutable_draft_counts())[CountKey(row)];
  return absl::OkStatus();
}

absl::Status DraftWriter::TakeImage(const std::string& digest,
                                    std::string image) {
  if (!images_.insert(digest).second) return absl::OkStatus();
  bool is_there = false;
  RETURN_IF_ERROR(store_.Scan(Key({"reference", digest, ""}), "",
                              [&](std::string_view, std::string_view) {
                                is_there = true;
                                return false;
                              }));
  if (!is_there) batch_.push_back({ImageKey(digest), std::move(image)});
  batch_.push_back({ReferenceKey(digest, record_.name(), 0), ""});
  return absl::OkStatus();
}

}  // namespace nevus
