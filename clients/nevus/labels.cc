#include "clients/nevus/labels.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/name.h"
#include "base/status.h"
#include "clients/nevus/csv.h"

namespace nevus {
namespace {

constexpr char kOther[] = "other";

absl::Status Bad(const std::string& reason, const std::string& message) {
  return WithReason(absl::InvalidArgumentError(message), reason);
}

std::string Stem(const std::string& name) {
  return HasImageExtension(name) ? name.substr(0, name.rfind('.')) : name;
}

absl::StatusOr<size_t> FindColumn(const std::vector<std::string>& header,
                                  const std::string& name) {
  const auto found = std::find(header.begin(), header.end(), name);
  if (found != header.end()) return found - header.begin();
  return Bad("COLUMN_UNKNOWN",
             absl::StrCat("it has no column ", Quoted(name),
                          "; its columns are ", absl::StrJoin(header, ", ")));
}

// A column of a name that ids have, else the first; none of `taken`.
absl::StatusOr<size_t> GuessIdColumn(const std::vector<std::string>& header,
                                     const std::set<size_t>& taken) {
  for (const char* name :
       {"image_id", "image", "id", "isic_id", "file", "filename"}) {
    const absl::StatusOr<size_t> found = FindColumn(header, name);
    if (found.ok() && taken.count(*found) == 0) return *found;
  }
  for (size_t i = 0; i < header.size(); ++i) {
    if (taken.count(i) == 0) return i;
  }
  return Bad("COLUMN_UNKNOWN",
             absl::StrCat("none of its columns, ", absl::StrJoin(header, ", "),
                          ", is left for the image's name; add one"));
}

bool IsOne(const std::string& text) { return text == "1" || text == "1.0"; }
bool IsZero(const std::string& text) { return text == "0" || text == "0.0"; }

bool IsZeroOneColumn(const std::vector<CsvRecord>& records, size_t column) {
  return std::all_of(records.begin() + 1, records.end(),
                     [&](const CsvRecord& record) {
                       const std::string& text = record.fields[column];
                       return IsOne(text) || IsZero(text);
                     });
}

// The class of a row from one-hot columns.
absl::StatusOr<std::string> OneHotLabel(const std::vector<std::string>& header,
                                        const CsvRecord& record,
                                        const std::set<size_t>& columns) {
  std::string label;
  for (size_t column : columns) {
    if (!IsOne(record.fields[column])) continue;
    if (!label.empty()) {
      return Bad(
          "LABELS_CONTRADICT",
          absl::StrCat("line ", record.line, " is both ", Quoted(label),
                       " and ", Quoted(header[column]),
                       "; a row has one class. Correct it, or use "
                       "--one-against-rest if the columns do not exclude "
                       "each other"));
    }
    label = header[column];
  }
  return label.empty() ? kOther : label;
}

// Names that are the same without their extension keep it in their id.
absl::Status SetIds(std::vector<LabelRow>& rows) {
  std::map<std::string, int> line_of_name, rows_of_stem;
  for (const LabelRow& row : rows) {
    const auto [first, is_new] = line_of_name.emplace(row.name, row.line);
    if (!is_new) {
      return Bad("ID_TWICE",
                 absl::StrCat("the id ", Quoted(row.name), " is on line ",
                              first->second, " and on line ", row.line,
                              "; keep one of them"));
    }
    ++rows_of_stem[Stem(row.name)];
  }
  for (LabelRow& row : rows) {
    const std::string stem = Stem(row.name);
    row.example.set_id(rows_of_stem[stem] > 1 ? row.name : stem);
    // "a" and "a.jpg" would be the same image.
    if (rows_of_stem[stem] > 1 && line_of_name.count(stem) > 0) {
      return Bad(
          "ID_TWICE",
          absl::StrCat("the id ", Quoted(stem), " is on line ",
                       line_of_name[stem],
                       " and again with an extension; keep one of them"));
    }
    if (absl::Status status = CheckExampleId(row.example.id()); !status.ok()) {
      return WithReason(Annotate(status, absl::StrCat("line ", row.line)),
                        "ID_INVALID");
    }
  }
  return absl::OkStatus();
}

v1::ImportOutcome Refusal(const std::string& id, const std::string& reason,
                          const std::string& message) {
  v1::ImportOutcome outcome;
  outcome.set_id(id);
  outcome.set_result(v1::ImportOutcome::REFUSED);
  outcome.set_reason(reason);
  outcome.set_message(message);
  return outcome;
}

}  // namespace

bool HasImageExtension(const std::string& name) {
  static const auto* const extensions = new std::set<std::string>{
      ".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".gif", ".webp"};
  const size_t dot = name.rfind('.');
  return dot != std::string::npos && dot > 0 &&
         extensions->count(absl::AsciiStrToLower(name.substr(dot))) > 0;
}

absl::StatusOr<v1::Split> ParseSplit(const std::string& text) {
  if (text.empty()) return v1::SPLIT_UNSPECIFIED;
  if (text == "train") return v1::TRAIN;
  if (text == "validation" || text == "val") return v1::VALIDATION;
  if (text == "test") return v1::TEST;
  return Bad(
      "SPLIT_UNKNOWN",
      absl::StrCat("the split ", Quoted(text),
                   " is unknown; it is train, validation, test or empty"));
}

std::string SplitName(v1::Split split) {
  switch (split) {
    case v1::TRAIN:
      return "train";
    case v1::VALIDATION:
      return "validation";
    case v1::TEST:
      return "test";
    default:
      return "";
  }
}

absl::StatusOr<std::vector<LabelRow>> ParseLabels(const std::string& text,
                                                  const LabelColumns& columns) {
  ASSIGN_OR_RETURN(const std::vector<CsvRecord> records, ParseCsv(text));
  const std::vector<std::string>& header = records[0].fields;
  ASSIGN_OR_RETURN(const size_t label, FindColumn(header, columns.label));
  std::optional<size_t> group, split;
  std::set<size_t> taken = {label};
  if (!columns.group.empty()) {
    ASSIGN_OR_RETURN(group, FindColumn(header, columns.group));
    taken.insert(*group);
  }
  if (!columns.split.empty()) {
    ASSIGN_OR_RETURN(split, FindColumn(header, columns.split));
    taken.insert(*split);
  }
  ASSIGN_OR_RETURN(const size_t id, columns.id.empty()
                                        ? GuessIdColumn(header, taken)
                                        : FindColumn(header, columns.id));
  if (records.size() == 1) {
    return Bad("LABELS_EMPTY",
               "it has a header and no row; add a row an image");
  }

  std::set<size_t> one_hot;
  if (IsZeroOneColumn(records, label)) {
    one_hot.insert(label);
    for (size_t i = 0; i < header.size() && !columns.one_against_rest; ++i) {
      if (i != id && i != group && i != split && IsZeroOneColumn(records, i)) {
        one_hot.insert(i);
      }
    }
  }

  std::vector<LabelRow> rows;
  for (size_t i = 1; i < records.size(); ++i) {
    const CsvRecord& record = records[i];
    LabelRow row;
    row.line = record.line;
    row.name = record.fields[id];
    v1::Example& example = row.example;
    std::string class_name = record.fields[label];
    if (!one_hot.empty()) {
      ASSIGN_OR_RETURN(class_name, OneHotLabel(header, record, one_hot));
    }
    if (class_name.empty()) {
      return Bad("LABEL_EMPTY",
                 absl::StrCat("line ", record.line, " has an empty ",
                              Quoted(columns.label),
                              "; give the row a label or remove it"));
    }
    example.set_label(class_name);
    if (group.has_value()) example.set_group(record.fields[*group]);
    if (split.has_value()) {
      const absl::StatusOr<v1::Split> value = ParseSplit(record.fields[*split]);
      if (!value.ok()) {
        return Annotate(value.status(), absl::StrCat("line ", record.line));
      }
      example.set_split(*value);
    }
    for (size_t c = 0; c < header.size(); ++c) {
      if (c == id || c == label || c == group || c == split ||
          one_hot.count(c) > 0 || record.fields[c].empty()) {
        continue;
      }
      (*example.mutable_attributes())[header[c]] = record.fields[c];
    }
    rows.push_back(std::move(row));
  }
  RETURN_IF_ERROR(SetIds(rows));
  return rows;
}

Pairing PairWithImages(const std::vector<LabelRow>& rows,
                       const std::string& directory,
                       const std::vector<std::string>& names) {
  const std::set<std::string> all(names.begin(), names.end());
  std::map<std::string, std::vector<std::string>> by_stem;
  for (const std::string& name : names) {
    if (HasImageExtension(name)) by_stem[Stem(name)].push_back(name);
  }
  Pairing pairing;
  std::set<std::string> used;
  for (const LabelRow& row : rows) {
    std::vector<std::string> found;
    if (all.count(row.name) > 0) {
      found.push_back(row.name);
    } else if (!HasImageExtension(row.name)) {
      found = by_stem[row.name];
    }
    used.insert(found.begin(), found.end());
    if (found.size() == 1) {
      pairing.files.push_back({row.example, directory + "/" + found[0]});
    } else if (found.empty()) {
      pairing.refused.push_back(Refusal(
          row.example.id(), "IMAGE_MISSING",
          absl::StrCat("line ", row.line, " has no image file in ", directory,
                       "; add the file or remove the line")));
    } else {
      pairing.refused.push_back(
          Refusal(row.example.id(), "IMAGE_AMBIGUOUS",
                  absl::StrCat("line ", row.line, " fits the files ",
                               absl::StrJoin(found, " and "),
                               "; write the extension in the label file")));
    }
  }
  for (const std::string& name : names) {
    if (!HasImageExtension(name) || used.count(name) > 0) continue;
    pairing.refused.push_back(Refusal(
        name, "LABEL_MISSING",
        "the file has no row in the label file; add one or remove the file"));
  }
  return pairing;
}

}  // namespace nevus
