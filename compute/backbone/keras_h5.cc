#include "compute/backbone/keras_h5.h"

#include <H5PLpublic.h>
#include <hdf5.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/mutex.h"
#include "base/status.h"
#include "compute/backbone/vgg16.h"

namespace nevus {
namespace {

// Debian's HDF5 is built without thread safety.
Mutex& Hdf5Mutex() {
  static Mutex* mutex = new Mutex;
  return *mutex;
}

// Closes an HDF5 identifier of any kind.
class Handle {
 public:
  explicit Handle(hid_t id) : id_(id) {}
  ~Handle() {
    if (id_ >= 0) H5Idec_ref(id_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  operator hid_t() const { return id_; }
  bool ok() const { return id_ >= 0; }

 private:
  const hid_t id_;
};

// Opens a file that lies in memory; nothing touches the disk.
hid_t OpenImage(std::string_view bytes) {
  const Handle access(H5Pcreate(H5P_FILE_ACCESS));
  if (!access.ok() || H5Pset_fapl_core(access, 64 << 10, false) < 0 ||
      H5Pset_file_image(access, const_cast<char*>(bytes.data()), bytes.size()) <
          0) {
    return -1;
  }
  return H5Fopen("weights", H5F_ACC_RDONLY, access);
}

// True if `path` exists and each step to it is a hard link: a soft or external
// one could lead into another file.
bool Exists(hid_t file, const std::string& path) {
  std::string prefix;
  for (const std::string& step :
       std::vector<std::string>(absl::StrSplit(path, '/'))) {
    prefix = absl::StrCat(prefix, "/", step);
    H5L_info_t info;
    if (H5Lexists(file, prefix.c_str(), H5P_DEFAULT) <= 0 ||
        H5Lget_info(file, prefix.c_str(), &info, H5P_DEFAULT) < 0 ||
        info.type != H5L_TYPE_HARD) {
      return false;
    }
  }
  return true;
}

absl::StatusOr<Tensor> ReadDataset(hid_t file, const std::string& path,
                                   const Shape& wanted) {
  const Handle dataset(H5Dopen(file, path.c_str(), H5P_DEFAULT));
  const Handle space(dataset.ok() ? H5Dget_space(dataset) : -1);
  const Handle type(dataset.ok() ? H5Dget_type(dataset) : -1);
  const Handle creation(dataset.ok() ? H5Dget_create_plist(dataset) : -1);
  if (!space.ok() || !type.ok() || !creation.ok() ||
      H5Sget_simple_extent_type(space) != H5S_SIMPLE) {
    return BadWeights(absl::StrCat("tensor ", path,
                                   " is no array of numbers; the file is "
                                   "damaged or no weight file of Keras's"));
  }
  if (H5Pget_layout(creation) == H5D_VIRTUAL ||
      H5Pget_external_count(creation) != 0) {
    return BadWeights(
        absl::StrCat("tensor ", path,
                     " keeps its values in another file; a weight "
                     "file holds its own. Save the model again"));
  }
  std::vector<hsize_t> sizes(H5Sget_simple_extent_ndims(space));
  H5Sget_simple_extent_dims(space, sizes.data(), nullptr);
  RETURN_IF_ERROR(CheckShape(path, Shape(sizes.begin(), sizes.end()), wanted));
  const size_t type_bytes = H5Tget_size(type);
  if (H5Tget_class(type) != H5T_FLOAT || type_bytes > 4) {
    return BadWeights(
        absl::StrCat("tensor ", path, " is no 32- or 16-bit float (",
                     type_bytes, " bytes a value). Save the model in float32"));
  }
  Tensor tensor{wanted, std::vector<float>(Count(wanted))};
  if (H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT,
              tensor.values.data()) < 0) {
    return BadWeights(absl::StrCat("tensor ", path,
                                   " cannot be read: the file is truncated or "
                                   "damaged. Download it again"));
  }
  RETURN_IF_ERROR(CheckFinite(path, tensor));
  return tensor;
}

// The first of `paths` that exists; nothing if none does.
absl::StatusOr<std::optional<Tensor>> ReadFirst(
    hid_t file, const std::vector<std::string>& paths, const Shape& wanted) {
  for (const std::string& path : paths) {
    if (!Exists(file, path)) continue;
    ASSIGN_OR_RETURN(Tensor tensor, ReadDataset(file, path, wanted));
    return std::optional<Tensor>(std::move(tensor));
  }
  return std::optional<Tensor>();
}

// kernel[y][x][in][out] -> weight[out][in][y][x].
Tensor HwioToOihw(const Tensor& kernel) {
  const int64_t in = kernel.shape[2], out = kernel.shape[3];
  Tensor weight{{out, in, 3, 3}, std::vector<float>(kernel.values.size())};
  for (int64_t yx = 0; yx < 9; ++yx) {
    for (int64_t i = 0; i < in; ++i) {
      for (int64_t o = 0; o < out; ++o) {
        weight.values[(o * in + i) * 9 + yx] =
            kernel.values[(yx * in + i) * out + o];
      }
    }
  }
  return weight;
}

}  // namespace

bool LooksLikeHdf5(std::string_view bytes) {
  return bytes.substr(0, 8) == "\x89HDF\r\n\x1a\n";
}

absl::StatusOr<Tensors> ReadKerasVgg16(std::string_view bytes) {
  MutexLock lock(Hdf5Mutex());
  H5Eset_auto(H5E_DEFAULT, nullptr, nullptr);  // else it prints on stderr
  H5PLset_loading_state(0);  // a file must not name a plug-in to load
  const Handle file(OpenImage(bytes));
  if (!file.ok()) {
    return BadWeights(
        "the file begins like HDF5 but cannot be opened: it is truncated or "
        "damaged. Download it again");
  }
  const std::string root =
      Exists(file, "model_weights") ? "model_weights/" : "";
  Tensors tensors;
  for (const Vgg16Conv& conv : Vgg16Convs()) {
    const std::string group = absl::StrCat(root, conv.name, "/", conv.name);
    ASSIGN_OR_RETURN(std::optional<Tensor> kernel,
                     ReadFirst(file,
                               {group + "/kernel:0", group + "/kernel",
                                group + "_W_1:0", group + "_W:0"},
                               {3, 3, conv.in, conv.out}));
    ASSIGN_OR_RETURN(std::optional<Tensor> bias,
                     ReadFirst(file,
                               {group + "/bias:0", group + "/bias",
                                group + "_b_1:0", group + "_b:0"},
                               {conv.out}));
    if (kernel) tensors[conv.weight()] = HwioToOihw(*kernel);
    if (bias) tensors[conv.bias()] = *std::move(bias);
  }
  return tensors;
}

}  // namespace nevus
