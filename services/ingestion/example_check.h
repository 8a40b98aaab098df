// What an uploaded example must be before it can stand in a dataset: the first
// look at an image on its way image -> dataset. Pure: it knows no stream and no
// store.
#ifndef NEVUS_SERVICES_INGESTION_EXAMPLE_CHECK_H_
#define NEVUS_SERVICES_INGESTION_EXAMPLE_CHECK_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "protos/nevus/v1/dataset.pb.h"

namespace nevus {

// OK if `upload` promises an example that can be taken, before its bytes come:
// id, label, group, split, attributes, size, digest. INVALID_ARGUMENT with
// reason EXAMPLE_ID_INVALID, LABEL_INVALID, GROUP_INVALID, SPLIT_UNKNOWN,
// ATTRIBUTES_INVALID, IMAGE_EMPTY, IMAGE_TOO_LARGE or SHA256_INVALID.
absl::Status CheckUpload(const v1::ExampleUpload& upload);

// The bytes to keep for the image that came as `bytes`: without metadata, and
// proven to decode. INVALID_ARGUMENT: not the bytes that `upload` promised
// (IMAGE_SIZE_MISMATCH, SHA256_MISMATCH), or as compute/image/decode.h says.
absl::StatusOr<std::string> CheckImage(const v1::ExampleUpload& upload,
                                       const std::string& bytes);

}  // namespace nevus

#endif  // NEVUS_SERVICES_INGESTION_EXAMPLE_CHECK_H_
