/* The floor of row 1.8: a static process that does nothing. */
int main(void)
{
	return 0;
}
