// Where a dataset's parts lie (docs/storage_format.md, "Images and datasets").
#ifndef NEVUS_STORAGE_DATASET_DATASET_KEYS_H_
#define NEVUS_STORAGE_DATASET_DATASET_KEYS_H_

#include <cstdint>
#include <string>

#include "storage/engine/record.h"

namespace nevus {

// v1::Dataset without its versions.
inline std::string DatasetKey(const std::string& dataset) {
  return Key({"dataset", dataset});
}
// The newest version number ever given, as text: numbers are not used again.
inline std::string NewestVersionKey(const std::string& dataset) {
  return Key({"newest_version", dataset});
}
// v1::DatasetVersion.
inline std::string VersionKey(const std::string& dataset, int64_t version) {
  return Key({"version", dataset, KeyNumber(version)});
}
// v1::Example of a version, or of the draft, which is version 0.
inline std::string RowKey(const std::string& dataset, int64_t version,
                          const std::string& id) {
  return Key({"row", dataset, KeyNumber(version), id});
}
// The v1::Split that a group of the draft stands in, as text. Not there for a
// group of which no row is in a split.
inline std::string GroupKey(const std::string& dataset,
                            const std::string& group) {
  return Key({"group", dataset, group});
}
// The image's bytes.
inline std::string ImageKey(const std::string& digest) {
  return Key({"image", digest});
}
// Empty: rows of this version (or draft) use the image. An image is there as
// long as a reference to it is.
inline std::string ReferenceKey(const std::string& digest,
                                const std::string& dataset, int64_t version) {
  return Key({"reference", digest, dataset, KeyNumber(version)});
}

}  // namespace nevus

#endif  // NEVUS_STORAGE_DATASET_DATASET_KEYS_H_
