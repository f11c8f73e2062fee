"""Read CSV files. The modules use each other in one direction only, from the file to the draft:

    header_words, lead_schema -> export_profiles -> mapping -> columns -> planning    what each column means
    columns -> evidence              what whole columns show: the order of dates, the marks of amounts, the ends
    sniffing, spool, error_file -> source          how the file is written, its chunks, its records
    columns, source -> cells, row_checks -> rows -> event_rows    what each row says

How a single value is read, such as a date, is in `tasks.intake.values`.
"""
