// What names a model: a digest over all that decides its answers. Pure.
#ifndef NEVUS_STORAGE_MODEL_MODEL_DIGEST_H_
#define NEVUS_STORAGE_MODEL_MODEL_DIGEST_H_

#include <string>

#include "protos/nevus/v1/model.pb.h"

namespace nevus {

// SHA-256 over the fields marked (d) in model.proto, field by field, floats as
// their little-endian bits: the same on every machine and with every version of
// protobuf. docs/storage_format.md defines it.
std::string ModelDigest(const v1::Model& model);

}  // namespace nevus

#endif  // NEVUS_STORAGE_MODEL_MODEL_DIGEST_H_
