#include "storage/dataset/dataset_content.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <unordered_map>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/name.h"
#include "base/status.h"

namespace nevus {
namespace {

std::map<std::string, std::string> SortedAttributes(const v1::Example& row) {
  return {row.attributes().begin(), row.attributes().end()};
}

absl::Status InTwoSplits(const std::string& what, const std::string& reason,
                         const v1::Example& one, const v1::Example& other) {
  return WithReason(
      absl::FailedPreconditionError(absl::StrCat(
          what, " stands in two splits: example ", Quoted(one.id()), " in ",
          SplitText(one.split()), " and ", Quoted(other.id()), " in ",
          SplitText(other.split()),
          "; what is learned from must not be tested on: draw the splits "
          "anew, ",
          "by group, or remove one of the two")),
      reason, {{"id", one.id()}, {"other_id", other.id()}});
}

// The first row of each group or image that is in a split.
using FirstRows = std::unordered_map<std::string, const v1::Example*>;

// The row that was there before under `key`, if it stands in another split.
const v1::Example* FindOther(FirstRows& first, const std::string& key,
                             const v1::Example& row) {
  const v1::Example* other = first.emplace(key, &row).first->second;
  return other->split() == row.split() ? nullptr : other;
}

}  // namespace

std::string SplitText(v1::Split split) {
  switch (split) {
    case v1::TRAIN:
      return "train";
    case v1::VALIDATION:
      return "validation";
    case v1::TEST:
      return "test";
    default:
      return "unspecified";
  }
}

std::string CountKey(const v1::Example& row) {
  return absl::StrCat(SplitText(row.split()), "/", row.label());
}

bool IsSynthetic(const v1::Example& row) {
  const auto found = row.attributes().find("synthetic");
  return found != row.attributes().end() && found->second == "true";
}

std::string DatasetDigest(const std::vector<v1::Example>& rows) {
  Sha256 hash;
  hash.UpdateField("nevus dataset 1");
  for (const v1::Example& row : rows) {
    hash.UpdateField(row.id());
    hash.UpdateField(row.image_digest());
    hash.UpdateField(SplitText(row.split()));
    hash.UpdateField(row.label());
    hash.UpdateField(row.group());
    hash.UpdateField(absl::StrCat(row.attributes().size()));
    for (const auto& [name, value] : SortedAttributes(row)) {
      hash.UpdateField(name);
      hash.UpdateField(value);
    }
  }
  return hash.Hex();
}

absl::Status CheckSplits(const std::vector<v1::Example>& rows) {
  FirstRows groups;
  for (const v1::Example& row : rows) {
    if (row.split() == v1::SPLIT_UNSPECIFIED) continue;
    if (!row.group().empty()) {
      if (const auto* other = FindOther(groups, row.group(), row)) {
        return InTwoSplits("group " + Quoted(row.group()),
                           "GROUP_IN_TWO_SPLITS", *other, row);
      }
    }
  }
  return absl::OkStatus();
}

std::vector<v1::SharedImage> FindSharedImages(
    const std::vector<v1::Example>& rows) {
  std::map<std::string, std::vector<const v1::Example*>> by_image;
  for (const v1::Example& row : rows) {
    if (row.split() == v1::SPLIT_UNSPECIFIED) continue;
    by_image[row.image_digest()].push_back(&row);
  }
  std::vector<v1::SharedImage> shared;
  for (const auto& entry : by_image) {
    const std::string& image = entry.first;
    const std::vector<const v1::Example*>& same = entry.second;
    const bool one_split =
        std::all_of(same.begin(), same.end(), [&](const v1::Example* row) {
          return row->split() == same.front()->split();
        });
    if (one_split) continue;
    v1::SharedImage& added = shared.emplace_back();
    added.set_image_digest(image);
    for (const v1::Example* row : same) added.add_example_ids(row->id());
  }
  return shared;
}

std::string FindConflict(const v1::Example& stored,
                         const v1::Example& offered) {
  const auto differ = [](const std::string& what, const std::string& there,
                         const std::string& now) {
    return absl::StrCat(what, " ", Quoted(there), ", not ", Quoted(now));
  };
  if (stored.image_digest() != offered.image_digest()) {
    return differ("image", stored.image_digest(), offered.image_digest());
  }
  if (offered.split() != v1::SPLIT_UNSPECIFIED &&
      stored.split() != offered.split()) {
    return differ("split", SplitText(stored.split()),
                  SplitText(offered.split()));
  }
  if (stored.label() != offered.label()) {
    return differ("label", stored.label(), offered.label());
  }
  if (stored.group() != offered.group()) {
    return differ("group", stored.group(), offered.group());
  }
  const auto there = SortedAttributes(stored);
  const auto now = SortedAttributes(offered);
  for (const auto& [name, value] : now) {
    const auto found = there.find(name);
    const std::string was = found == there.end() ? "" : found->second;
    if (found == there.end() || was != value) {
      return differ("attribute " + Quoted(name), was, value);
    }
  }
  for (const auto& [name, value] : there) {
    if (now.count(name) == 0) {
      return differ("attribute " + Quoted(name), value, "");
    }
  }
  return "";
}

}  // namespace nevus
