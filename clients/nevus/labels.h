// Label files: which image is of which class.
//
// The first step of the way: a CSV file and a folder -> examples to import.
// Pure: the whole file is checked before anything is sent.
#ifndef NEVUS_CLIENTS_NEVUS_LABELS_H_
#define NEVUS_CLIENTS_NEVUS_LABELS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "clients/cpp/upload.h"

namespace nevus {

struct LabelColumns {
  std::string label;  // required
  // "": image_id, image, id, isic_id, file, filename, or the first column; not
  // one of the others here
  std::string id;
  std::string group;  // "": none
  std::string split;  // "": none
  // A 0/1 label column stands alone: others of 0 and 1 become attributes.
  bool one_against_rest = false;
};

struct LabelRow {
  int line = 0;
  std::string name;     // as in the file: "ISIC_1" or "ISIC_1.jpg"
  v1::Example example;  // without image_digest
};

// The rows of a label file.
//
// The label column holds class names, or only 0 and 1 ("0.0", "1.0"). Then the
// file's columns of 0 and 1 are taken as one-hot: a row's label is the name of
// the column with the 1, or "other" if there is none. The id is the name
// without an image's extension, unless two rows differ in nothing else: then
// with it.
//
// INVALID_ARGUMENT, naming lines and values: what ParseCsv refuses, no such
// column (COLUMN_UNKNOWN, listing them), no row (LABELS_EMPTY), two ones in a
// row (LABELS_CONTRADICT), an id twice (ID_TWICE) or unusable (ID_INVALID), an
// empty label (LABEL_EMPTY), an unknown split (SPLIT_UNKNOWN).
absl::StatusOr<std::vector<LabelRow>> ParseLabels(const std::string& text,
                                                  const LabelColumns& columns);

struct Pairing {
  std::vector<ExampleFile> files;  // rows with their image, in row order
  std::vector<v1::ImportOutcome> refused;  // IMAGE_MISSING, LABEL_MISSING,
                                           // IMAGE_AMBIGUOUS
};

// Finds each row's image among `names`, the files of `directory`: by full name,
// or by name without extension. Files that are no images by extension and
// belong to no row are passed over.
Pairing PairWithImages(const std::vector<LabelRow>& rows,
                       const std::string& directory,
                       const std::vector<std::string>& names);

// TRAIN for "train" and so on; SPLIT_UNSPECIFIED for "".
// INVALID_ARGUMENT (SPLIT_UNKNOWN) for other text.
absl::StatusOr<v1::Split> ParseSplit(const std::string& text);

// "train"; "" for SPLIT_UNSPECIFIED.
std::string SplitName(v1::Split split);

// True for an extension of image files, whatever its case: ".jpg", ".png" ...
bool HasImageExtension(const std::string& name);

}  // namespace nevus

#endif  // NEVUS_CLIENTS_NEVUS_LABELS_H_
