//! Embeds `page/` as the product embeds its pages.
fn main() -> std::io::Result<()> {
    static_files::resource_dir("page").build()
}
